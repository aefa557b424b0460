/** One dataset: its state, what can be done, and the report on its files. */

import { at, get, post } from "../api.js";
import { announce, h, put } from "../dom.js";
import { count, plural, reasonOf, shortDigest } from "../format.js";
import { link } from "../router.js";
import { follow } from "../sse.js";
import { FilePicker, upload } from "../upload.js";
import { every } from "../poll.js";
import { ProgressBar, badge, facts, problemBox, time, workButton } from "../widgets.js";
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

  async function refresh() {
    const before = dataset;
    dataset = await get(path, signal);
    draw(before.state !== dataset.state || dataset.state === "open");
    if (before.state !== dataset.state) {
      announce(`${dataset.name}: ${dataset.state}`);
      await drawReport();
    }
  }

  /** @param {boolean} whole  false: only the bar has moved */
  function draw(whole) {
    bar.set(
      dataset.files ? dataset.files_done / dataset.files : null,
      `${count(dataset.files_done)} of ${plural(dataset.files, "file")}`,
    );
    if (!whole) return;
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
      state === "building" && bar.element,
      state === "failed" && problemBox(new Error(reasonOf(dataset.error) || "The build failed.")),
      (state === "open" || state === "failed") && openTools(dataset, signal, refreshAndWatch),
      state === "built" &&
        dataset.windows === 0 &&
        problemBox(new Error("No file gave a window, so there is nothing to train on. The report says why.")),
    );
  }

  async function drawReport() {
    put(report, await reportSection(dataset, query, signal));
  }

  function watch() {
    const ear = new AbortController();
    signal.addEventListener("abort", () => ear.abort());
    void follow(at("datasets", dataset.id, "events"), {
      signal: ear.signal,
      onMessage: () => void refresh().catch(() => undefined),
    });
    void every(1500, signal, async () => {
      await refresh();
      if (dataset.state !== "building") ear.abort();
      return dataset.state === "building";
    });
  }

  async function refreshAndWatch() {
    await refresh();
    await drawReport();
    if (dataset.state === "building") watch();
  }

  draw(true);
  put(root, top, report);
  await drawReport();
  if (dataset.state === "building") watch();
}
