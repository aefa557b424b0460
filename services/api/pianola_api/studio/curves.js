/**
 * Which metrics share a chart. Names come from the trainer: train_x and validation_x belong together.
 * @typedef {import("./types.js").MetricPoint} MetricPoint
 * @typedef {import("./chart.js").Series} Series
 * @typedef {{key: string, title: string, note?: string, range?: [number, number], percent?: boolean, series: Series[]}} Curve
 */

import { capital, words } from "./format.js";

/** @type {{key: string, title: string, note?: string, range?: [number, number], percent?: boolean, metrics: Record<string, string>}[]} */
const KNOWN = [
  {
    key: "loss",
    title: "Loss",
    note: "what is minimised",
    metrics: { train_loss: "training", validation_loss: "held out" },
  },
  {
    key: "reconstruction",
    title: "Reconstruction",
    note: "nats a window",
    metrics: { train_reconstruction: "training", validation_reconstruction: "held out" },
  },
  {
    key: "kl",
    title: "KL divergence",
    note: "nats a window",
    metrics: { train_kl: "training", validation_kl: "held out" },
  },
  {
    key: "players",
    title: "Losses",
    note: "of the two players",
    metrics: { generator_loss: "generator", discriminator_loss: "discriminator" },
  },
  {
    key: "accuracy",
    title: "Discriminator accuracy",
    note: "half is a guess",
    range: [0, 1],
    percent: true,
    metrics: {
      accuracy_real: "on real windows",
      accuracy_fake: "on generated windows",
      validation_accuracy_real: "on held-out windows",
    },
  },
  {
    key: "pixel",
    title: "Pixel loss",
    note: "mean cross-entropy a pixel",
    metrics: { train_pixel_loss: "training", validation_pixel_loss: "held out" },
  },
  {
    key: "density",
    title: "Density",
    note: "lit share of generated windows",
    metrics: { density: "in training", sample_density: "samples" },
  },
  { key: "speed", title: "Speed", note: "windows a second", metrics: { windows_per_second: "training" } },
];
const TONES = /** @type {const} */ (["one", "two", "three"]);

/**
 * The one name of what may arrive under several.
 * @param {string} name
 */
function canonical(name) {
  if (["loss", "reconstruction", "kl"].includes(name)) return `train_${name}`;
  return name.replace(/^train_(?=generator_|discriminator_|accuracy_|density)/, "");
}

/**
 * The points that count: what an older attempt did past the step where a newer one took over is void.
 * @param {MetricPoint[]} points
 * @returns {MetricPoint[]}
 */
export function inForce(points) {
  const ordered = [...points].sort((a, b) => a.attempt - b.attempt || a.step - b.step);
  /** @type {MetricPoint[]} */
  const kept = [];
  for (const point of ordered) {
    while (kept.length > 0 && kept[kept.length - 1].step >= point.step) kept.pop();
    kept.push(point);
  }
  return kept;
}

/**
 * @param {MetricPoint[]} points
 * @returns {Curve[]}  only those with something to draw
 */
export function curves(points) {
  /** @type {Map<string, {x: number, y: number}[]>} */
  const byName = new Map();
  for (const { step, values } of inForce(points)) {
    for (const [name, value] of Object.entries(values)) {
      if (typeof value !== "number" || !Number.isFinite(value)) continue;
      const key = canonical(name);
      byName.set(key, [...(byName.get(key) ?? []), { x: step, y: value }]);
    }
  }
  /** @type {Curve[]} */
  const result = [];
  for (const { metrics, ...chart } of KNOWN) {
    const series = Object.entries(metrics).flatMap(([name, label], i) => {
      const found = byName.get(name);
      byName.delete(name);
      return found ? [{ label, tone: TONES[i], points: found }] : [];
    });
    if (series.length > 0) result.push({ ...chart, series });
  }
  for (const [name, found] of byName) {
    result.push({
      key: name,
      title: capital(words(name)),
      series: [{ label: words(name), tone: "one", points: found }],
    });
  }
  return result;
}
