/** One dataset: its state, what can be done, and the report on its files. */

import { at, get, post } from "../api.js";
import { announce, h, put } from "../dom.js";
import { count, plural, shortDigest } from "../format.js";
import { link } from "../router.js";
import { follow } from "../sse.js";
import { FilePicker, untakenNote, upload } from "../upload.js";
import { ProgressBar, background, badge, facts, problemBox, time, workButton } from "../widgets.js";
import { reportSection } from "./dataset_report.js";

/** @typedef {import("../types.js").Dataset} Dataset */

/** @param {Dataset} dataset */
function summary(dataset) {
  const built = dataset.state === "built";
  return facts([
    ["Files", count(dataset.files)],
    ["Accepted", built && count(dataset.files_accepted)],
    ["Refused", built && count(dataset.files_refused)],
    ["Windows", built && count(dataset.windows)],
    ["Notes", built && count(dataset.notes)],
    ["Preset", dataset.preset],
    ["Digest", dataset.digest && h("code", { title: dataset.digest }, shortDigest(dataset.digest))],
    ["Created", time(dataset.created_at)],
    ["Built", dataset.built_at && time(dataset.built_at)],
  ]);
}

/**
 * Adding files and building, while the dataset is open.
 * @param {Dataset} dataset
 * @param {AbortSignal} signal
 * @param {() => Promise<void>} changed
 */
function openTools(dataset, signal, changed) {
  const trouble = h("div", { "aria-live": "polite" });
  const bar = new ProgressBar("Sending files");
  bar.element.hidden = true;
  /** @type {import("../upload.js").Chosen[]} */
  let chosen = [];
  const picker = new FilePicker((files) => {
    chosen = files;
    add.disabled = files.length === 0;
  });
  const add = workButton(
    "Add these files",
    async () => {
      const total = chosen.length;
      bar.element.hidden = false;
      bar.set(0, `0 of ${plural(total, "file")}`);
      try {
        const result = await upload(
          dataset.id,
          chosen,
          (sent) => bar.set(sent / total, `${sent} of ${plural(total, "file")}`),
          signal,
        );
        picker.clear();
        await changed();
        announce(`${plural(result.added, "file")} added, ${result.unchanged} already there`);
      } finally {
        bar.element.hidden = true;
      }
    },
    trouble,
    { disabled: true },
  );
  const build = workButton(
    `Build from ${plural(dataset.files, "file")}`,
    async () => {
      await post(at("datasets", dataset.id, "build"), null, signal);
      await changed();
    },
    trouble,
    { class: "main", id: "build-dataset", disabled: dataset.files === 0 },
  );
  const say =
    dataset.files === 0
      ? "Add MIDI files, then build. A bad file never stops a build."
      : "Once built, a dataset never changes. Add what is missing first.";
  return h(
    "div",
    { class: "stack" },
    h("p", { class: "soft" }, say),
    picker.element,
    bar.element,
    trouble,
    h("p", { class: "row" }, build, add),
  );
}

/** @type {import("../types.js").View} */
export async function datasetView({ root, params, query, signal }) {
  const path = at("datasets", params[0]);
  /** @type {Dataset} */
  let dataset = await get(path, signal);
  const top = h("div", { class: "stack" });
  const report = h("div");
  const bar = new ProgressBar("Building");
  /** @type {HTMLElement|null} */
  let note = null;

  async function refresh() {
    const before = dataset.state;
    dataset = await get(path, signal);
    draw();
    if (before !== dataset.state) announce(`${dataset.name}: ${dataset.state}`);
    await drawReport();
    if (dataset.state === "building" && before !== "building") watch();
  }

  function move() {
    const { files, files_done: done } = dataset;
    bar.set(files ? done / files : null, `${count(done)} of ${plural(files, "file")}`);
  }

  function draw() {
    move();
    note = untakenNote(dataset.id) ?? note;
    const { state } = dataset;
    put(
      top,
      h("p", { class: "crumbs" }, h("a", { href: "#/datasets" }, "Datasets")),
      h(
        "div",
        { class: "title-row" },
        h("h1", { tabindex: -1 }, dataset.name),
        badge(state),
        state === "built" &&
          h(
            "a",
            { class: "button main", id: "train-on", href: link(["new", "run"], { dataset: dataset.name }) },
            "Train a model on it",
          ),
      ),
      summary(dataset),
      note,
      state === "building" && bar.element,
      state === "failed" && problemBox(new Error(dataset.error ?? "The build failed.")),
      (state === "open" || state === "failed") && openTools(dataset, signal, refresh),
      state === "built" &&
        dataset.windows === 0 &&
        problemBox(new Error("No file gave a window, so there is nothing to train on. The report says why.")),
    );
  }

  async function drawReport() {
    put(report, await reportSection(dataset, query, signal));
  }

  function watch() {
    void follow(`${path}/events`, {
      signal,
      onMessage({ event, data }) {
        if (event === "end") {
          background(refresh(), signal, report);
        } else if (event === "progress") {
          dataset = { ...dataset, ...JSON.parse(data), state: dataset.state };
          move();
        }
      },
    });
  }

  draw();
  put(root, top, report);
  await drawReport();
  if (dataset.state === "building") watch();
}
