/** What is being fetched into a dataset, and what came of it. */

import { all, at, post } from "../api.js";
import { announce, h, put } from "../dom.js";
import { count, plural, size } from "../format.js";
import { table } from "../lists.js";
import { every } from "../poll.js";
import { skippedFold } from "../upload.js";
import { badge, section, time, workButton } from "../widgets.js";

/**
 * @typedef {import("../types.js").Dataset} Dataset
 * @typedef {import("../types.js").Import} Import
 */

const WAITING = new Set(["queued", "running"]);
const POLL = 1500; // ms

/** @param {Import["source"]} source */
function from({ kind, url, bucket, prefix, recipe }) {
  if (kind === "url") return url;
  return kind === "s3" ? `s3://${bucket}/${prefix ?? ""}` : `recipe ${recipe}`;
}

/** @param {Import} one */
function fetched({ state, bytes_done: done, bytes_total: total }) {
  if (!WAITING.has(state)) return done > 0 ? size(done) : "–";
  const words = total ? `${size(done)} of ${size(total)}` : size(done);
  const bar = h("progress", { max: 1, value: total ? done / total : null, "aria-label": "fetched" });
  return h("span", { class: "mini" }, bar, words);
}

export class ImportsPart {
  /**
   * @param {Dataset} dataset
   * @param {AbortSignal} signal
   * @param {() => Promise<void>} onArrived  called when an import has brought files
   */
  constructor(dataset, signal, onArrived) {
    this.dataset = dataset;
    this.path = at("datasets", dataset.id, "imports");
    this.signal = signal;
    this.onArrived = onArrived;
    this.place = h("div", { class: "stack" });
    this.trouble = h("div");
    this.element = section("Imports", this.place, this.trouble);
    this.element.hidden = true;
    /** @type {Import[]} */
    this.imports = [];
    /** @type {Set<string>|null} */
    this.done = null;
    this.watching = false;
  }

  async load() {
    const done = this.done;
    this.imports = await all(this.path, this.signal);
    this.draw();
    const over = this.imports.filter(({ state }) => !WAITING.has(state));
    this.done = new Set(over.map(({ id }) => id));
    // A quick one may be over when it is seen for the first time; those of the first look are news to nobody.
    const ended = over.filter(({ id }) => done && !done.has(id));
    for (const one of ended) announce(`Import ${one.state}: ${from(one.source)}`);
    if (ended.some(({ state }) => state === "succeeded")) await this.onArrived();
    if (!this.watching && this.waiting) this.watch();
  }

  get waiting() {
    return this.imports.some(({ state }) => WAITING.has(state));
  }

  watch() {
    this.watching = true;
    void every(POLL, this.signal, async () => {
      await this.load();
      this.watching = this.waiting;
      return this.watching;
    });
  }

  draw() {
    this.element.hidden = this.imports.length === 0;
    const heads = ["From", "State", "Fetched", "Added", "Already there", "When", "Remarks"];
    put(
      this.place,
      table(
        `Imports into ${this.dataset.name}`,
        heads,
        this.imports.map((one) => this.row(one)),
      ),
    );
  }

  /** @param {Import} one */
  row(one) {
    return h(
      "tr",
      null,
      h("th", { scope: "row", class: "filename" }, from(one.source)),
      h("td", null, badge(one.state)),
      h("td", { class: "number" }, fetched(one)),
      h("td", { class: "number" }, count(one.files_added)),
      h("td", { class: "number" }, count(one.files_unchanged)),
      h("td", null, time(one.finished_at ?? one.created_at)),
      this.remarks(one),
    );
  }

  /** @param {Import} one */
  remarks(one) {
    const more = one.files_skipped - one.skipped.length;
    return h(
      "td",
      { class: "remarks" },
      one.error && h("span", { class: "bad" }, one.error),
      one.files_replaced > 0 && h("span", null, `${plural(one.files_replaced, "file")} replaced by other content`),
      one.state === "failed" && this.dataset.state === "open" && this.again(one),
      one.skipped.length > 0 && skippedFold(one.skipped, false),
      more > 0 && h("span", { class: "soft" }, `and ${plural(more, "more file")}`),
    );
  }

  /** @param {Import} one */
  again(one) {
    const work = async () => {
      await post(this.path, one.source, this.signal);
      await this.load();
    };
    return workButton("Try again", work, this.trouble, { class: "quiet" });
  }
}
