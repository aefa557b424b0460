/** Bringing files to a dataset, and building it. */

import { at, get, post } from "../api.js";
import { announce, h, put } from "../dom.js";
import { plural } from "../format.js";
import { go, link } from "../router.js";
import { FilePicker, upload } from "../upload.js";
import { reference } from "../versions.js";
import { ProgressBar, workButton } from "../widgets.js";
import { ImportForm } from "./dataset_import.js";
import { labelsFold } from "./dataset_labels.js";

/**
 * @typedef {import("../types.js").Dataset} Dataset
 * @typedef {import("../types.js").Version} Version
 * @typedef {import("../upload.js").UploadResult} UploadResult
 */

/**
 * Choosing files and sending them.
 * @param {Dataset} dataset
 * @param {string} text  of the button
 * @param {Element} trouble
 * @param {(result: UploadResult) => Promise<void>} onSent
 * @param {AbortSignal} signal
 */
function sender(dataset, text, trouble, onSent, signal) {
  const bar = new ProgressBar("Sending files");
  bar.element.hidden = true;
  /** @type {import("../upload.js").Chosen[]} */
  let chosen = [];
  const picker = new FilePicker((files) => {
    chosen = files;
    add.disabled = files.length === 0;
  });
  const add = workButton(
    text,
    async () => {
      const total = chosen.length;
      const tell = (/** @type {number} */ sent) => bar.set(sent / total, `${sent} of ${plural(total, "file")}`);
      bar.element.hidden = false;
      tell(0);
      try {
        const result = await upload(dataset, chosen, tell, signal);
        picker.clear();
        await onSent(result);
      } finally {
        bar.element.hidden = true;
        add.disabled = chosen.length === 0;
      }
    },
    trouble,
    { id: "add-files", disabled: true },
  );
  return { picker: picker.element, bar: bar.element, add };
}

/** @param {UploadResult} result */
function told({ added, unchanged, replaced }) {
  const parts = [
    `${plural(added, "file")} added`,
    `${unchanged} already there`,
    replaced > 0 && `${replaced} replaced`,
  ];
  return parts.filter(Boolean).join(", ");
}

/** What can be done with a dataset that is open: files in, labels on, build. Kept while it is, so no choice is lost. */
export class OpenTools {
  /**
   * @param {Dataset} dataset
   * @param {AbortSignal} signal
   * @param {() => Promise<void>} changed
   */
  constructor(dataset, signal, changed) {
    const trouble = h("div", { "aria-live": "polite" });
    const send = sender(
      dataset,
      "Add these files",
      trouble,
      async (result) => {
        await changed();
        announce(told(result));
      },
      signal,
    );
    this.build = workButton(
      "Build",
      async () => {
        await post(at("datasets", dataset.id, "build"), null, signal);
        await changed();
      },
      trouble,
      { class: "main", id: "build-dataset" },
    );
    this.say = h("p", { class: "soft" });
    this.element = h(
      "div",
      { class: "stack" },
      this.say,
      send.picker,
      send.bar,
      trouble,
      h("p", { class: "row" }, this.build, send.add),
      new ImportForm(dataset, signal, changed).fold("Or fetch them: an address, a bucket, a well-known set"),
      labelsFold(dataset, signal, changed),
    );
    this.update(dataset);
  }

  /** @param {Dataset} dataset */
  update({ files }) {
    put(this.build, `Build from ${plural(files, "file")}`);
    this.build.disabled = files === 0;
    put(
      this.say,
      files === 0
        ? "Add MIDI files, then build. A bad file never stops a build."
        : "Once built, a version of a dataset never changes. Add what is missing first.",
    );
  }
}

/**
 * More files for a built dataset: its next version takes them, and is shown.
 * @param {Dataset} dataset  the newest version
 * @param {AbortSignal} signal
 */
export function nextVersionTools(dataset, signal) {
  const next = dataset.version + 1;
  const trouble = h("div", { "aria-live": "polite" });
  const show = (/** @type {Version} */ taker) => go(link(["datasets", reference(taker)]));
  const arrive = async (/** @type {string} */ taker) => show(await get(at("datasets", taker), signal));
  const send = sender(
    dataset,
    `Add these files to version ${next}`,
    trouble,
    async (result) => {
      if (result.taker.id === dataset.id) put(trouble, h("p", null, "Nothing new: every file is there already."));
      else show(result.taker);
      announce(told(result));
    },
    signal,
  );
  return h(
    "details",
    { class: "fold", id: "add-more" },
    h("summary", null, `Add more files: they make version ${next}`),
    h(
      "div",
      { class: "stack" },
      h(
        "p",
        { class: "soft" },
        `This version stays as it is. Version ${next} begins with its files; what did not change is not read again.`,
      ),
      send.picker,
      send.bar,
      trouble,
      h("p", null, send.add),
      new ImportForm(dataset, signal, arrive).fold("Or fetch them: an address, a bucket, a well-known set"),
      labelsFold(dataset, signal, arrive),
    ),
  );
}
