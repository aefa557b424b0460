/**
 * Line charts in SVG: axes with round numbers, a legend that shows the values under the pointer, arrow keys too.
 * @typedef {{x: number, y: number}} Point
 * @typedef {{label: string, tone: "one"|"two"|"three", points: Point[]}} Series
 * @typedef {{title: string, note?: string, range?: [number, number], format?: (value: number) => string}} ChartOptions
 */

import { ChartFrame } from "./chart_frame.js";
import { h, put, s } from "./dom.js";
import { count, figure } from "./format.js";

const HEIGHT = 210;
const MARGIN = { top: 10, right: 12, bottom: 34, left: 54 };

/**
 * Round numbers that span low..high in about `wanted` steps.
 * @param {number} low
 * @param {number} high
 * @param {number} wanted
 * @returns {number[]}
 */
export function ticks(low, high, wanted) {
  const span = high - low || Math.abs(high) || 1;
  const rough = span / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(rough));
  const unit = [1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough * 0.999) ?? 10;
  const width = unit * power;
  const first = Math.floor(low / width + 1e-9);
  const last = Math.ceil(high / width - 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * width).toPrecision(12)));
}

export class LineChart extends ChartFrame {
  /**
   * @param {ChartOptions} options
   * @param {AbortSignal} signal
   */
  constructor({ title, note = "", range, format = figure }, signal) {
    super({ title, note, height: HEIGHT }, signal);
    this.range = range;
    this.format = format;
    /** @type {Series[]} */
    this.series = [];
    /** @type {number[]} */
    this.xs = [];
  }

  /** @param {Series[]} series */
  update(series) {
    this.series = series.filter(({ points }) => points.length > 0);
    this.xs = [...new Set(this.series.flatMap(({ points }) => points.map(({ x }) => x)))].sort((a, b) => a - b);
    this.redraw();
  }

  get length() {
    return this.xs.length;
  }

  /** @param {number} width */
  draw(width) {
    const ys = this.series.flatMap(({ points }) => points.map(({ y }) => y));
    const tall = this.range ?? [Math.min(...ys), Math.max(...ys)];
    const yTicks = ticks(tall[0], tall[1], 4);
    const xTicks = ticks(this.xs[0], this.xs[this.xs.length - 1], Math.max(3, Math.floor(width / 110)));
    this.frame = {
      width,
      left: MARGIN.left,
      right: width - MARGIN.right,
      top: MARGIN.top,
      bottom: HEIGHT - MARGIN.bottom,
      x: /** @type {[number, number]} */ ([this.xs[0], Math.max(this.xs[this.xs.length - 1], this.xs[0] + 1)]),
      y: /** @type {[number, number]} */ ([yTicks[0], yTicks[yTicks.length - 1]]),
    };
    this.marker = s("g", { class: "chart-marker" });
    put(this.svg, this.axes(xTicks, yTicks), ...this.series.map((line) => this.line(line)), this.marker);
  }

  /** @param {number} x */
  px(x) {
    const {
      left,
      right,
      x: [low, high],
    } = /** @type {NonNullable<LineChart["frame"]>} */ (this.frame);
    return left + ((x - low) / (high - low)) * (right - left);
  }

  /** @param {number} y */
  py(y) {
    const {
      top,
      bottom,
      y: [low, high],
    } = /** @type {NonNullable<LineChart["frame"]>} */ (this.frame);
    return bottom - ((y - low) / (high - low || 1)) * (bottom - top);
  }

  /**
   * @param {number[]} xTicks
   * @param {number[]} yTicks
   */
  axes(xTicks, yTicks) {
    const { left, right, top, bottom, x } = /** @type {NonNullable<LineChart["frame"]>} */ (this.frame);
    const group = s("g", { class: "chart-axes", "aria-hidden": "true" });
    for (const value of yTicks) {
      const y = this.py(value);
      group.append(
        s("line", { x1: left, x2: right, y1: y, y2: y }),
        s("text", { x: left - 8, y: y + 4, "text-anchor": "end" }, this.format(value)),
      );
    }
    for (const value of xTicks.filter((tick) => tick >= x[0] && tick <= x[1] && Number.isInteger(tick))) {
      const at = this.px(value);
      group.append(
        s("line", { x1: at, x2: at, y1: bottom, y2: bottom + 4 }),
        s("text", { x: at, y: bottom + 17, "text-anchor": "middle" }, count(value)),
      );
    }
    group.append(s("text", { x: right, y: bottom + 31, "text-anchor": "end", class: "chart-axis-name" }, "step"));
    group.append(s("line", { class: "chart-base", x1: left, x2: right, y1: bottom, y2: bottom }));
    group.append(s("line", { class: "chart-base", x1: left, x2: left, y1: top, y2: bottom }));
    return group;
  }

  /** @param {Series} series */
  line({ tone, points }) {
    const at = points.map(({ x, y }) => `${this.px(x).toFixed(1)},${this.py(y).toFixed(1)}`);
    const group = s("g", { class: `chart-line tone-${tone}` }, s("polyline", { points: at.join(" ") }));
    if (points.length <= 40) {
      for (const { x, y } of points) group.append(s("circle", { cx: this.px(x), cy: this.py(y), r: 2.5 }));
    }
    return group;
  }

  /** @param {number} at */
  nearest(at) {
    let nearest = 0;
    this.xs.forEach((x, i) => {
      if (Math.abs(this.px(x) - at) < Math.abs(this.px(this.xs[nearest]) - at)) nearest = i;
    });
    return nearest;
  }

  /** @param {number|null} index  into the x values; null shows the newest values */
  show(index) {
    const { xs, marker } = this;
    const x = xs[index ?? xs.length - 1];
    const { top, bottom } = /** @type {NonNullable<LineChart["frame"]>} */ (this.frame);
    const marked = index !== null;
    if (marker) put(marker, marked && s("line", { x1: this.px(x), x2: this.px(x), y1: top, y2: bottom }));
    put(
      this.legend,
      ...this.series.map(({ label, tone, points }) => {
        const found = points.find((point) => point.x === x) ?? (marked ? undefined : points[points.length - 1]);
        if (found && marked) {
          marker?.append(s("circle", { class: `tone-${tone}`, cx: this.px(found.x), cy: this.py(found.y), r: 4 }));
        }
        return h(
          "li",
          { class: `tone-${tone}` },
          h("span", { class: "swatch" }),
          label,
          h("b", null, found ? this.format(found.y) : "–"),
        );
      }),
    );
    return `step ${count(x)}`;
  }

  /** @returns {string} the chart in words */
  summary() {
    const lines = this.series.map(({ label, points }) => {
      const [first, last] = [points[0], points[points.length - 1]];
      return `${label} from ${this.format(first.y)} to ${this.format(last.y)}`;
    });
    return `${this.title} over ${count(this.xs.length)} points: ${lines.join("; ")}`;
  }
}
