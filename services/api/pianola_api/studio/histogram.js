/**
 * Bar charts in SVG: how often each value occurs, or what share it has.
 * @typedef {{name: string, tick?: string, value: number}} Bar  `name` is read out; `tick` stands below the bar
 * @typedef {object} HistogramOptions
 * @property {string} title
 * @property {string} [note]
 * @property {string} [words]  said with the total, where the value looked at is said, while none is
 * @property {string} [unit]  of what is counted: "window"; without one the values are shares
 * @property {Bar[]} bars
 */

import { ticks } from "./chart.js";
import { ChartFrame } from "./chart_frame.js";
import { put, s } from "./dom.js";
import { count, percent, plural } from "./format.js";

const HEIGHT = 168;
const MARGIN = { top: 8, right: 4, bottom: 24, left: 46 };
const NARROWEST_TICK = 7; // pixels a character of a tick
const GAP = 10; // pixels between two ticks
const SHORT = new Intl.NumberFormat("en-GB", { notation: "compact", maximumFractionDigits: 1 });

export class Histogram extends ChartFrame {
  /**
   * @param {HistogramOptions} options
   * @param {AbortSignal} signal
   */
  constructor({ title, note, words = "", unit = "", bars }, signal) {
    super({ title, note, height: HEIGHT }, signal);
    this.element.classList.add("histogram");
    this.unit = unit;
    this.bars = bars;
    this.total = bars.reduce((sum, { value }) => sum + value, 0);
    this.words = [words, unit && plural(this.total, unit)].filter(Boolean).join("; ");
    this.most = Math.max(...bars.map(({ value }) => value)) || 1;
    put(this.where, this.words);
    this.legend.remove();
  }

  get length() {
    return this.bars.length;
  }

  /** @param {number} width */
  draw(width) {
    const marks = ticks(0, this.most, 3).filter((mark) => !this.unit || Number.isInteger(mark));
    const top = Math.max(this.most, marks[marks.length - 1]);
    const bottom = HEIGHT - MARGIN.bottom;
    this.slot = (width - MARGIN.left - MARGIN.right) / this.bars.length;
    const y = (/** @type {number} */ value) => bottom - (value / top) * (bottom - MARGIN.top);
    const gap = Math.min(3, this.slot / 4);
    const axes = s("g", { class: "chart-axes", "aria-hidden": "true" });
    for (const mark of marks) {
      axes.append(
        s("line", { x1: MARGIN.left, x2: width - MARGIN.right, y1: y(mark), y2: y(mark) }),
        s(
          "text",
          { x: MARGIN.left - 8, y: y(mark) + 4, "text-anchor": "end" },
          this.unit ? SHORT.format(mark) : percent(mark),
        ),
      );
    }
    this.rects = this.bars.map(({ value }, i) =>
      s("rect", {
        class: "bar",
        x: this.left(i) + gap / 2,
        y: y(value),
        width: Math.max(1, (this.slot ?? 1) - gap),
        height: bottom - y(value),
      }),
    );
    axes.append(
      s("line", { class: "chart-base", x1: MARGIN.left, x2: width - MARGIN.right, y1: bottom, y2: bottom }),
      ...this.names(bottom + 16, width),
    );
    put(this.svg, axes, this.rects);
  }

  /**
   * The names below the bars, as many as fit beside each other.
   * @param {number} y
   * @param {number} width
   */
  names(y, width) {
    let free = 0;
    return this.bars.flatMap(({ tick = "" }, i) => {
      const half = (tick.length * NARROWEST_TICK) / 2;
      const x = Math.min(this.left(i + 0.5), width - half);
      if (!tick || x - half < free) return [];
      free = x + half + GAP;
      return [s("text", { x, y, "text-anchor": "middle" }, tick)];
    });
  }

  /** @param {number} index */
  left(index) {
    return MARGIN.left + index * (this.slot ?? 0);
  }

  /** @param {number} x */
  nearest(x) {
    return Math.max(0, Math.min(this.length - 1, Math.floor((x - MARGIN.left) / (this.slot ?? 1))));
  }

  /** @param {number|null} index */
  show(index) {
    this.rects?.forEach((rect, i) => rect.classList.toggle("bar-under", i === index));
    if (index === null) return this.words;
    const { name, value } = this.bars[index];
    return `${name}: ${this.amount(value)}${this.unit && `, ${percent(value / (this.total || 1))}`}`;
  }

  /** @param {number} value */
  amount(value) {
    return this.unit ? plural(value, this.unit) : percent(value);
  }

  summary() {
    const highest = this.bars.reduce((best, bar) => (bar.value > best.value ? bar : best));
    const words = this.words ? `${this.words}; ` : "";
    return `${this.title}, ${count(this.length)} bars: ${words}most at ${highest.name}, ${this.amount(highest.value)}`;
  }
}
