/** The map of a model: where the windows of its dataset lie, and what it plays at any place there. */

import { at, get } from "../api.js";
import { ChartFrame } from "../chart_frame.js";
import { h, put, s } from "../dom.js";
import { count } from "../format.js";
import { unfolding } from "../widgets.js";

/**
 * @typedef {import("../types.js").LatentMap} LatentMap
 * @typedef {import("../types.js").MapPoint} MapPoint
 * @typedef {(x: number, y: number) => void} Hear
 */

const HEIGHT = 420;
const MARGIN = 14;
const NEAR = 10; // pixels: who clicks there means the window
const MOST_COLOURS = 8; // more could not be told apart

/**
 * The labels that have a colour, the most frequent first.
 * @param {MapPoint[]} points
 */
function coloured(points) {
  /** @type {Map<string, number>} */
  const found = new Map();
  for (const { label } of points) if (label !== null) found.set(label, (found.get(label) ?? 0) + 1);
  return [...found.keys()].sort((a, b) => (found.get(b) ?? 0) - (found.get(a) ?? 0)).slice(0, MOST_COLOURS);
}

class MapChart extends ChartFrame {
  /**
   * @param {LatentMap} map
   * @param {Hear} hear
   * @param {AbortSignal} signal
   */
  constructor(map, hear, signal) {
    const shown = map.windows.length === map.of ? "" : ` of ${count(map.of)}`;
    const note = `${count(map.windows.length)}${shown} windows of ${map.dataset}; x: ${map.axes[0]}, y: ${map.axes[1]}`;
    super({ title: "Where its music lies", note, height: HEIGHT }, signal);
    this.svg.classList.add("map-area");
    // The arrow keys go from left to right.
    this.points = [...map.windows].sort((a, b) => a.x - b.x);
    this.field = map.field;
    this.labels = coloured(this.points);
    this.hear = hear;
    /** @type {[number, number]|null} what was played last */
    this.heard = null;
    this.ring = s("circle", { class: "map-ring", r: 7 });
    this.cross = s("circle", { class: "map-heard", r: 9 });
    this.svg.addEventListener("click", (event) => this.playAt(event));
    this.svg.addEventListener("keydown", (event) => this.playKey(event));
    this.tell();
  }

  get length() {
    return this.points.length;
  }

  /** Name the colours. */
  tell() {
    const others = this.points.some(({ label }) => label === null || !this.labels.includes(label));
    const named = this.labels.map((label) => this.tinted(h("li", null, h("span", { class: "swatch" }), label), label));
    const rest = others && h("li", { class: "map-tint" }, h("span", { class: "swatch" }), "others");
    if (named.length > 0) put(this.legend, named, rest);
    else this.legend.remove();
  }

  /**
   * @template {HTMLElement|SVGElement} E
   * @param {E} element
   * @param {string|null} label
   * @returns {E} in the label's colour
   */
  tinted(element, label) {
    const place = label === null ? -1 : this.labels.indexOf(label);
    element.classList.add("map-tint");
    if (place >= 0) {
      element.style.setProperty("--tint", `oklch(62% 0.15 ${Math.round(30 + (360 * place) / this.labels.length)})`);
    }
    return element;
  }

  /** @param {number} width */
  draw(width) {
    const span = (/** @type {number[]} */ values) => [Math.min(...values), Math.max(...values)];
    const [left, right] = span(this.points.map(({ x }) => x));
    const [low, high] = span(this.points.map(({ y }) => y));
    const scale = Math.min((width - 2 * MARGIN) / (right - left || 1), (HEIGHT - 2 * MARGIN) / (high - low || 1));
    this.frame = { scale, width, x: (left + right) / 2, y: (low + high) / 2 };
    const dots = this.points.map(({ x, y, label }) => {
      const [cx, cy] = this.px(x, y);
      return this.tinted(s("circle", { cx: cx.toFixed(1), cy: cy.toFixed(1), r: 3 }), label);
    });
    put(this.svg, dots, this.cross, this.ring);
    this.mark();
  }

  /**
   * @param {number} x
   * @param {number} y
   * @returns {[number, number]} pixels
   */
  px(x, y) {
    const frame = /** @type {NonNullable<MapChart["frame"]>} */ (this.frame);
    return [frame.width / 2 + (x - frame.x) * frame.scale, HEIGHT / 2 - (y - frame.y) * frame.scale];
  }

  /** @param {MouseEvent} event */
  nearby(event) {
    const box = this.svg.getBoundingClientRect();
    const [left, top] = [event.clientX - box.left, event.clientY - box.top];
    const away = this.points.map(({ x, y }) => Math.hypot(this.px(x, y)[0] - left, this.px(x, y)[1] - top));
    const distance = Math.min(...away);
    return { left, top, distance, index: away.indexOf(distance) };
  }

  /** @param {PointerEvent} event */
  point(event) {
    if (!this.drawn) return;
    const { distance, index } = this.nearby(event);
    this.look(distance <= NEAR ? index : null);
  }

  /** @param {MouseEvent} event */
  playAt(event) {
    const { left, top, distance, index } = this.nearby(event);
    const frame = /** @type {NonNullable<MapChart["frame"]>} */ (this.frame);
    if (distance <= NEAR) this.play(this.points[index].x, this.points[index].y);
    else this.play(frame.x + (left - frame.width / 2) / frame.scale, frame.y - (top - HEIGHT / 2) / frame.scale);
  }

  /** @param {KeyboardEvent} event */
  playKey(event) {
    if ((event.key !== "Enter" && event.key !== " ") || this.under === null) return;
    event.preventDefault();
    this.play(this.points[this.under].x, this.points[this.under].y);
  }

  /**
   * @param {number} x
   * @param {number} y
   */
  play(x, y) {
    this.heard = [x, y];
    this.mark();
    this.hear(x, y);
  }

  mark() {
    const [cx, cy] = this.heard ? this.px(...this.heard) : [-100, -100];
    this.cross.setAttribute("cx", String(cx));
    this.cross.setAttribute("cy", String(cy));
  }

  /** @param {number|null} index */
  show(index) {
    const point = index === null ? null : this.points[index];
    const [cx, cy] = point ? this.px(point.x, point.y) : [-100, -100];
    this.ring.setAttribute("cx", String(cx));
    this.ring.setAttribute("cy", String(cy));
    if (!point) return "";
    const window = point.window === null ? "" : `, window ${point.window + 1}`;
    return `${point.file}${window}${point.label === null ? "" : `, ${this.field} ${point.label}`}`;
  }

  summary() {
    return `${this.title}: ${count(this.length)} windows. Arrow keys go from one to the next, Enter plays it.`;
  }
}

/**
 * @param {string} model  name or digest
 * @param {[number, number]|null} heard  what is played already
 * @param {Hear} hear
 * @param {AbortSignal} signal
 */
export function mapOf(model, heard, hear, signal) {
  const load = async () => {
    const chart = new MapChart(await get(at("models", model, "map"), signal), hear, signal);
    chart.heard = heard;
    const words = h("p", { class: "soft small" }, "Click a place to hear what the model plays there.");
    return h("div", { class: "map" }, words, chart.element);
  };
  return unfolding("Map of its music", load, { wait: "The map is drawn …", open: heard !== null, signal });
}
