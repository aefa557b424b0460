/** Pictures saved while a run learned: a slider over the steps shows how its windows came to be. */

import { all } from "../api.js";
import { h, put, uid } from "../dom.js";
import { capital, count, words } from "../format.js";
import { downloadButton, picture, section } from "../widgets.js";

/** @typedef {import("../types.js").Plot} Plot */

const TITLES = /** @type {Record<string, string>} */ ({
  samples: "Windows drawn at each evaluation",
  latent: "Where the dataset lies in the latent space",
  sample_grid: "Windows of the finished model",
  latent_scatter: "Where the dataset lies at the end",
});
/** Kinds made at every evaluation point: a slider moves through them. */
const MOVING = new Set(["samples", "latent"]);
/** Kinds the page draws better itself, from the numbers; their files can be taken away. */
const DRAWN = new Set(["note_frequency", "loss", "accuracy"]);
const ENDINGS = /** @type {Record<string, string>} */ ({ "image/png": ".png", "image/svg+xml": ".svg" });

/** One kind of picture over time. */
class Reel {
  /**
   * @param {string} kind
   * @param {AbortSignal} signal
   */
  constructor(kind, signal) {
    this.signal = signal;
    this.title = TITLES[kind] ?? capital(words(kind));
    /** @type {Plot[]} */
    this.plots = [];
    /** @type {Map<string, HTMLElement>} */
    this.loaded = new Map();
    const id = uid("reel");
    this.slider = h("input", { type: "range", id, min: 0, max: 0, step: 1, value: 0 });
    this.output = h("output", { for: id });
    this.stage = h("div", { class: "reel-stage" });
    this.controls = h("p", { class: "reel-controls" }, h("label", { for: id }, "Step"), this.slider, this.output);
    this.element = h("figure", { class: "reel" }, h("figcaption", null, this.title), this.stage, this.controls);
    this.slider.addEventListener("input", () => this.show());
  }

  /** @param {Plot[]} plots  all of this kind */
  update(plots) {
    const atEnd = Number(this.slider.value) >= this.plots.length - 1;
    this.plots = [...plots].sort((a, b) => (a.step ?? 0) - (b.step ?? 0));
    this.slider.max = String(this.plots.length - 1);
    if (atEnd) this.slider.value = String(this.plots.length - 1);
    this.controls.hidden = this.plots.length < 2;
    this.show();
  }

  show() {
    const plot = this.plots[Number(this.slider.value)];
    if (!plot) return;
    const at = `step ${count(plot.step)}`;
    this.slider.setAttribute("aria-valuetext", at);
    put(this.output, at);
    let frame = this.loaded.get(plot.url);
    if (!frame) {
      frame = picture(plot.url, `${this.title}, ${at}`, this.signal);
      this.loaded.set(plot.url, frame);
    }
    if (this.stage.firstChild !== frame) put(this.stage, frame);
  }
}

export class PicturesPart {
  /**
   * @param {string} path  of the run
   * @param {AbortSignal} signal
   */
  constructor(path, signal) {
    this.path = path;
    this.signal = signal;
    /** @type {Map<string, Reel>} */
    this.reels = new Map();
    this.grid = h("div", { class: "reels" });
    this.still = h("div", { class: "reels" });
    this.trouble = h("div");
    this.files = h("div", { class: "row" });
    this.fold = h("details", { class: "fold" }, h("summary", null, "Pictures to take away"), this.files, this.trouble);
    this.element = section("Pictures", this.grid, this.still, this.fold);
    this.element.hidden = true;
    this.shown = new Set();
  }

  async load() {
    /** @type {Plot[]} */
    const plots = (await all(`${this.path}/plots`, this.signal)).filter((/** @type {Plot} */ plot) =>
      plot.media_type.startsWith("image/"),
    );
    this.element.hidden = plots.length === 0;
    this.fold.hidden = plots.every(({ kind }) => MOVING.has(kind));
    /** @type {Map<string, Plot[]>} */
    const byKind = new Map();
    for (const plot of plots) byKind.set(plot.kind, [...(byKind.get(plot.kind) ?? []), plot]);
    for (const [kind, group] of byKind) {
      if (MOVING.has(kind)) this.reel(kind).update(group);
      else for (const plot of group) this.one(plot);
    }
  }

  /** @param {string} kind */
  reel(kind) {
    let reel = this.reels.get(kind);
    if (!reel) {
      reel = new Reel(kind, this.signal);
      this.reels.set(kind, reel);
      this.grid.append(reel.element);
    }
    return reel;
  }

  /** @param {Plot} plot  made once, by the evaluation */
  one(plot) {
    if (this.shown.has(plot.url)) return;
    this.shown.add(plot.url);
    const ending = ENDINGS[plot.media_type] ?? "";
    const filename = plot.name.endsWith(ending) ? plot.name : plot.name + ending;
    this.files.append(downloadButton(filename, plot.url, filename, this.trouble));
    if (DRAWN.has(plot.kind) || plot.media_type !== "image/png") return;
    const title = TITLES[plot.kind] ?? capital(words(plot.kind));
    this.still.append(
      h("figure", { class: "reel" }, h("figcaption", null, title), picture(plot.url, title, this.signal)),
    );
  }
}
