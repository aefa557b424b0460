/** One version of a dataset: its state, what can be done, what the data is, and the report on its files. */

import { all, at, get } from "../api.js";
import { optionText, OPTIONS, PRESETS } from "../dataset_options.js";
import { announce, h, put } from "../dom.js";
import { count, percent, plural, shortDigest } from "../format.js";
import { takeNote } from "../notes.js";
import { link } from "../router.js";
import { follow } from "../sse.js";
import { inWords, reference } from "../versions.js";
import { background, badge, facts, problemBox, time } from "../widgets.js";
import { ImportsPart } from "./dataset_imports.js";
import { BuildProgress } from "./dataset_progress.js";
import { reportSection } from "./dataset_report.js";
import { sheetSection } from "./dataset_sheet.js";
import { statisticsSection } from "./dataset_statistics.js";
import { nextVersionTools, OpenTools } from "./dataset_tools.js";
import { newerNote, versionsSection } from "./dataset_versions.js";

/** @typedef {import("../types.js").Dataset} Dataset */

/** @param {Dataset} dataset */
function heldOut({ options, windows_held_out: windows }) {
  const share = Number(options.held_out ?? 0);
  return share > 0 && `${plural(windows, "window")} (${percent(share)} of the files, seed ${options.held_out_seed})`;
}

/** @param {Dataset} dataset */
function leftOut({ duplicates }) {
  if (!duplicates) return null;
  const files = duplicates.files > 0 && plural(duplicates.files, "near-identical file");
  return [plural(duplicates.windows, "window"), files].filter(Boolean).join(", ");
}

/** @param {Dataset} dataset */
function summary(dataset) {
  const built = dataset.state === "built";
  return facts([
    ["Files", count(dataset.files)],
    ["Accepted", built && count(dataset.files_accepted)],
    ["Refused", built && count(dataset.files_refused)],
    ["Taken over", built && dataset.version > 1 && plural(dataset.files_reused, "file")],
    ["Windows", built && count(dataset.windows)],
    ["Notes", built && count(dataset.notes)],
    ["Held out", built && heldOut(dataset)],
    ["Duplicates left out", built && leftOut(dataset)],
    ["Digest", dataset.digest && h("code", { title: dataset.digest }, shortDigest(dataset.digest))],
    ["Created", time(dataset.created_at)],
    ["Built", dataset.built_at && time(dataset.built_at)],
  ]);
}

/** @param {Dataset} dataset */
function optionsFold({ preset, options }) {
  const usual = PRESETS[preset].values;
  const own = Object.keys(OPTIONS).filter((name) => JSON.stringify(options[name]) !== JSON.stringify(usual[name]));
  const words = own.map((name) => `${OPTIONS[name].label.toLowerCase()}: ${optionText(name, options[name])}`);
  return h(
    "details",
    { class: "fold", id: "options" },
    h("summary", null, "Options ", h("span", { class: "soft" }, [`preset ${preset}`, ...words].join("; "))),
    facts(Object.entries(OPTIONS).map(([name, { label }]) => [label, optionText(name, options[name])])),
  );
}

/** The page of one version; its parts stay while what they are about stays. */
class DatasetPage {
  /**
   * @param {Dataset} dataset
   * @param {import("../types.js").Place} place
   */
  constructor(dataset, { root, params, query, signal }) {
    this.dataset = dataset;
    this.address = ["datasets", params[0]];
    this.query = query;
    this.signal = signal;
    this.path = at("datasets", dataset.id);
    this.head = h("div", { class: "stack" });
    this.work = h("div", { class: "stack" });
    this.data = h("div", { class: "stack" });
    this.versions = h("div");
    this.report = h("div");
    this.trouble = h("div");
    this.options = optionsFold(dataset);
    this.progress = new BuildProgress();
    this.imports = new ImportsPart(dataset, signal, () => this.refresh());
    /** @type {HTMLElement|null} */
    this.note = null;
    /** @type {OpenTools|null} */
    this.tools = null;
    /** @type {Dataset[]} newest first */
    this.all = [];
    this.drawn = "";
    this.root = root;
  }

  async start() {
    await this.loadVersions();
    this.draw();
    await Promise.all([this.imports.load(), this.drawData(), this.drawReport()]);
    // All at once: nothing moves under the pointer while the rest arrives.
    const parts = [this.head, this.work, this.trouble, this.imports.element, this.data, this.versions, this.report];
    put(this.root, ...parts);
    if (this.dataset.state === "building") this.watch();
  }

  /** What the server says now; for when something was done, or has ended. */
  async refresh() {
    const before = this.dataset.state;
    this.dataset = await get(this.path, this.signal);
    const { name, state } = this.dataset;
    await this.loadVersions();
    this.draw();
    if (before !== state) {
      announce(`${name}: ${state}`);
      await this.drawData();
    }
    await Promise.all([this.imports.load(), this.drawReport()]);
    if (state === "building" && before !== "building") this.watch();
  }

  async loadVersions() {
    /** @type {Dataset[]} */
    const found = await all(`/v1/datasets?name=${encodeURIComponent(this.dataset.name)}`, this.signal);
    this.all = found.sort((a, b) => b.version - a.version);
  }

  /** @returns {Dataset|null} the version that came after all others, unless it is this one */
  get newer() {
    return this.all.length > 0 && this.all[0].id !== this.dataset.id ? this.all[0] : null;
  }

  /** @returns {"open"|"building"|"built"|"past"} what can be done with it */
  get stage() {
    const { state } = this.dataset;
    if (state === "open" || state === "failed") return "open";
    return state === "built" && this.newer ? "past" : state;
  }

  draw() {
    const { dataset, newer } = this;
    const { state } = dataset;
    this.note = takeNote(dataset.id) ?? this.note;
    put(
      this.head,
      h("p", { class: "crumbs" }, h("a", { href: "#/datasets" }, "Datasets")),
      h(
        "div",
        { class: "title-row" },
        h("h1", { tabindex: -1 }, inWords(dataset)),
        badge(state),
        state === "built" &&
          h(
            "a",
            { class: "button main", id: "train-on", href: link(["new", "run"], { dataset: reference(dataset) }) },
            "Train a model on it",
          ),
      ),
      newer && newerNote(newer),
      summary(dataset),
      this.options,
      this.note,
      state === "failed" && problemBox(new Error(dataset.error ?? "The build failed.")),
      state === "built" &&
        dataset.windows === 0 &&
        problemBox(new Error("No file gave a window, so there is nothing to train on. The report says why.")),
    );
    put(this.versions, versionsSection(this.all, dataset));
    this.drawWork();
  }

  /** What can be done at this stage; made once for it, so that nothing chosen is lost when figures change. */
  drawWork() {
    const { dataset, signal, stage } = this;
    this.tools = stage === "open" ? (this.tools ?? new OpenTools(dataset, signal, () => this.refresh())) : null;
    this.tools?.update(dataset);
    if (stage === "building") this.progress.update(dataset);
    if (stage === this.drawn) return;
    this.drawn = stage;
    put(
      this.work,
      stage === "open" && this.tools?.element,
      stage === "building" && this.progress.element,
      stage === "built" && nextVersionTools(dataset, signal),
    );
  }

  async drawData() {
    const { dataset, signal } = this;
    if (dataset.state !== "built" || dataset.windows === 0) {
      put(this.data);
      return;
    }
    put(this.data, ...(await Promise.all([statisticsSection(dataset, signal), sheetSection(dataset, signal)])));
  }

  async drawReport() {
    put(this.report, await reportSection(this.dataset, this.address, this.query, this.signal));
  }

  watch() {
    void follow(`${this.path}/events`, {
      signal: this.signal,
      onMessage: ({ event, data }) => {
        if (event === "end") background(this.refresh(), this.signal, this.trouble);
        else if (event === "progress") this.move(JSON.parse(data));
      },
    });
  }

  /** @param {Partial<Dataset> & import("../types.js").Pace} told */
  move({ windows_per_second, eta_seconds, ...told }) {
    const { state } = this.dataset;
    this.dataset = { ...this.dataset, ...told, state, progress: { windows_per_second, eta_seconds } };
    this.progress.update(this.dataset);
  }
}

/** @type {import("../types.js").View} */
export async function datasetView(place) {
  const dataset = await get(at("datasets", place.params[0]), place.signal);
  await new DatasetPage(dataset, place).start();
}
