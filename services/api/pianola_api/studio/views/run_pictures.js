/** Pictures saved while a run learned: a slider over the steps shows how its windows came to be. */

import { all, download } from "../api.js";
import { h, put, uid } from "../dom.js";
import { capital, count, words } from "../format.js";
import { downloadButton, picture, section, workButton } from "../widgets.js";

/** @typedef {import("../types.js").Plot} Plot */

const TITLES = /** @type {Record<string, string>} */ ({
  samples: "Windows drawn at each evaluation",
  latent_scatter: "Where the dataset lies in the latent space",
  sample_grid: "Windows of the finished model",
  music: "What it shares with the data",
  honesty: "Near the data, told from it, copied, surprised",
});
/** Kinds the page draws itself, from the numbers; their files can be taken away. */
const DRAWN = new Set(["note_frequency", "loss", "accuracy"]);

/**
 * The order in which kinds are shown: as in TITLES, others behind.
 * @param {string} kind
 */
function rank(kind) {
  const found = Object.keys(TITLES).indexOf(kind);
  return found < 0 ? Object.keys(TITLES).length : found;
}

/**
 * A file name without folders.
 * @param {Plot} plot
 */
const fileName = ({ name }) => name.replaceAll("/", "-");

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
    const trouble = h("div");
    this.slider = h("input", { type: "range", id, min: 0, max: 0, step: 1, value: 0 });
    this.output = h("output", { for: id });
    this.stage = h("div", { class: "reel-stage" });
    this.controls = h("p", { class: "reel-controls" }, h("label", { for: id }, "Step"), this.slider, this.output);
    const keep = workButton("PNG", () => this.keep(), trouble, {
      class: "quiet",
      "aria-label": `Download: ${this.title}`,
    });
    this.element = h(
      "figure",
      { class: "reel" },
      h("figcaption", null, this.title, keep),
      this.stage,
      this.controls,
      trouble,
    );
    this.slider.addEventListener("input", () => this.show());
  }

  /** @returns {Plot|undefined} the picture shown */
  get plot() {
    return this.plots[Number(this.slider.value)];
  }

  async keep() {
    if (this.plot) await download(this.plot.url, fileName(this.plot));
  }

  /** @param {Plot[]} plots  all of this kind */
  update(plots) {
    const atEnd = Number(this.slider.value) >= this.plots.length - 1;
    this.plots = [...plots].sort((a, b) => a.step - b.step);
    this.slider.max = String(this.plots.length - 1);
    if (atEnd) this.slider.value = String(this.plots.length - 1);
    this.controls.hidden = this.plots.length < 2;
    this.show();
  }

  show() {
    const { plot } = this;
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
    this.trouble = h("div");
    this.files = h("div", { class: "row" });
    this.fold = h("details", { class: "fold" }, h("summary", null, "Files to take away"), this.files, this.trouble);
    this.element = section("Pictures", this.grid, this.fold);
    this.element.hidden = true;
  }

  async load() {
    /** @type {Plot[]} */
    const plots = await all(`${this.path}/plots`, this.signal);
    this.element.hidden = plots.length === 0;
    /** @type {Map<string, Plot[]>} */
    const shown = new Map();
    /** @type {Map<string, Plot>} newest of each kind and type */
    const others = new Map();
    for (const plot of plots) {
      if (plot.media_type === "image/png" && !DRAWN.has(plot.kind)) {
        shown.set(plot.kind, [...(shown.get(plot.kind) ?? []), plot]);
      } else {
        others.set(`${plot.kind} ${plot.media_type}`, plot);
      }
    }
    for (const [kind, group] of [...shown].sort(([a], [b]) => rank(a) - rank(b))) this.reel(kind).update(group);
    this.fold.hidden = others.size === 0;
    put(
      this.files,
      [...others.values()].map((plot) => downloadButton(fileName(plot), plot.url, fileName(plot), this.trouble)),
    );
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
}
