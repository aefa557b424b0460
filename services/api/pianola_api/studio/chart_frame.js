/**
 * What every chart is drawn in: a figure whose drawing follows its width, and whose values are read with the pointer
 * or the arrow keys.
 * @typedef {{title: string, note?: string, height: number}} FrameOptions
 */

import { announce, h, put, s } from "./dom.js";

export class ChartFrame {
  /**
   * @param {FrameOptions} options
   * @param {AbortSignal} signal
   */
  constructor({ title, note = "", height }, signal) {
    this.title = title;
    this.height = height;
    /** @type {number|null} the value looked at */
    this.under = null;
    this.svg = s("svg", { class: "chart-area", role: "img", tabindex: 0, height });
    this.where = h("span", { class: "chart-where" });
    this.legend = h("ul", { class: "legend" });
    this.element = h(
      "figure",
      { class: "chart" },
      h("figcaption", null, h("strong", null, title), note && h("span", { class: "soft" }, note), this.where),
      this.svg,
      this.legend,
    );
    const observer = new ResizeObserver(() => this.redraw());
    observer.observe(this.element);
    signal.addEventListener("abort", () => observer.disconnect());
    this.svg.addEventListener("pointermove", (event) => this.point(event));
    this.svg.addEventListener("pointerleave", () => this.look(null));
    this.svg.addEventListener("blur", () => this.look(null));
    this.svg.addEventListener("keydown", (event) => this.walk(event));
  }

  /** @returns {number} how many values there are to look at */
  get length() {
    return 0;
  }

  /** @returns {string} the chart in words */
  summary() {
    return this.title;
  }

  /**
   * Draw everything at this width.
   * @param {number} _width  pixels
   */
  draw(_width) {}

  /**
   * @param {number} _x  pixels from the left of the drawing
   * @returns {number} the index of the value there
   */
  nearest(_x) {
    return 0;
  }

  /**
   * Say and mark one value.
   * @param {number|null} _index  null: none
   * @returns {string} in words, "" for none
   */
  show(_index) {
    return "";
  }

  redraw() {
    const style = getComputedStyle(this.element);
    const width = this.element.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    if (!(width > 0) || this.length === 0) return;
    this.svg.setAttribute("viewBox", `0 0 ${width} ${this.height}`);
    this.svg.setAttribute("width", String(width));
    this.svg.setAttribute("aria-label", this.summary());
    this.draw(width);
    this.drawn = true;
    this.look(this.under);
  }

  /** @param {number|null} index */
  look(index) {
    this.under = index;
    if (!this.drawn) return;
    put(this.where, this.show(index));
  }

  /** @param {PointerEvent} event */
  point(event) {
    if (this.drawn) this.look(this.nearest(event.clientX - this.svg.getBoundingClientRect().left));
  }

  /** @param {KeyboardEvent} event */
  walk(event) {
    const last = this.length - 1;
    const from = this.under ?? (event.key === "ArrowLeft" ? last + 1 : -1);
    const to = { ArrowLeft: from - 1, ArrowRight: from + 1, Home: 0, End: last }[event.key];
    if (to === undefined || last < 0) return;
    event.preventDefault();
    this.look(Math.max(0, Math.min(last, to)));
    announce(this.where.textContent ?? "");
  }
}
