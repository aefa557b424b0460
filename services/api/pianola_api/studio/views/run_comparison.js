/** A run beside others on the same dataset: plots of their evaluations, drawn by the server. */

import { all, get } from "../api.js";
import { h, put, uid } from "../dom.js";
import { capital, words } from "../format.js";
import { background, downloadButton, loading, picture, section, time } from "../widgets.js";

/**
 * @typedef {import("../types.js").Run} Run
 * @typedef {import("../types.js").Drawing} Drawing
 */

const MOST_OTHERS = 5;
const TITLES = /** @type {Record<string, string>} */ ({
  comparison_frequency: "Note frequency, before the data's",
  comparison_music: "Shared with the data",
  comparison_honesty: "Near the data, told from it, copied, surprised",
});

export class ComparisonPart {
  /**
   * @param {Run} run
   * @param {AbortSignal} signal
   */
  constructor(run, signal) {
    this.run = run;
    this.signal = signal;
    /** @type {Set<string>} ids of the runs beside this one */
    this.chosen = new Set();
    this.trouble = h("div");
    this.others = h("div", { class: "row" });
    this.shown = h("div", { class: "stack" });
    this.element = section(
      "Beside other runs",
      h("p", { class: "soft" }, "Runs on the same dataset, whose evaluations are drawn side by side."),
      this.others,
      this.shown,
      this.trouble,
    );
    this.element.hidden = true;
  }

  /** Shows the part where there is a run to compare with; only an evaluated run has one. */
  async load() {
    const query = new URLSearchParams({ state: "succeeded", dataset: this.run.dataset_id });
    /** @type {Run[]} */
    const runs = await all(`/v1/runs?${query}`, this.signal);
    const others = runs.filter(({ id }) => id !== this.run.id);
    this.element.hidden = others.length === 0;
    put(
      this.others,
      others.map((run) => this.choice(run)),
    );
  }

  /** @param {Run} run */
  choice(run) {
    const id = uid("beside");
    const box = h("input", { type: "checkbox", id, checked: this.chosen.has(run.id) });
    box.addEventListener("change", () => {
      if (box.checked) this.chosen.add(run.id);
      else this.chosen.delete(run.id);
      if (this.chosen.size > MOST_OTHERS) {
        this.chosen.delete(run.id);
        box.checked = false;
      }
      put(this.trouble);
      background(this.compare(), this.signal, this.trouble);
    });
    return h("span", null, box, h("label", { for: id }, `${run.family} ${run.preset}, `, time(run.created_at)));
  }

  async compare() {
    if (this.chosen.size === 0) {
      put(this.shown);
      return;
    }
    const asked = [this.run.id, ...this.chosen].join();
    put(this.shown, loading("Drawing …"));
    try {
      const { plots } = await get(`/v1/comparisons?runs=${encodeURIComponent(asked)}`, this.signal);
      // Meanwhile another choice may have been made.
      if (asked === [this.run.id, ...this.chosen].join()) this.draw(plots);
    } catch (error) {
      put(this.shown);
      throw error;
    }
  }

  /** @param {Drawing[]} plots */
  draw(plots) {
    const kinds = [...new Set(plots.map(({ kind }) => kind))];
    put(
      this.shown,
      kinds.map((kind) => {
        const title = TITLES[kind] ?? capital(words(kind));
        const files = plots.filter((plot) => plot.kind === kind);
        const shown = files.find((plot) => plot.media_type === "image/png");
        const keep = files.map(({ name, url }) => {
          const type = name.slice(name.lastIndexOf(".") + 1).toUpperCase();
          return downloadButton(type, url, name, this.trouble, { "aria-label": `Download as ${type}: ${title}` });
        });
        return h(
          "figure",
          { class: "reel" },
          h("figcaption", null, title, h("span", { class: "row" }, keep)),
          shown && picture(shown.url, title, this.signal),
        );
      }),
    );
  }
}
