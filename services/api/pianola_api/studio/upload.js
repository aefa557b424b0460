/**
 * Files from a drop or a picker, sent in batches.
 * @typedef {{file: File, path: string}} Chosen
 * @typedef {import("./types.js").Skipped} Skipped
 * @typedef {import("./types.js").Version} Version
 * @typedef {{added: number, unchanged: number, replaced: number, skipped: Skipped[], taker: Version}} UploadResult
 */

import { at, post } from "./api.js";
import { h, put } from "./dom.js";
import { plural, size } from "./format.js";
import { leaveNote } from "./notes.js";
import { button } from "./widgets.js";

const BATCH_FILES = 50;
const BATCH_BYTES = 8e6;
const WANTED = /\.(midi?|kar|smf|rmi|zip|tar|tgz|tar\.gz)$/i;

/**
 * Everything below a dropped entry.
 * @param {FileSystemEntry} entry
 * @returns {Promise<Chosen[]>}
 */
async function walk(entry) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) =>
      /** @type {FileSystemFileEntry} */ (entry).file(resolve, reject),
    );
    return [{ file, path: entry.fullPath.replace(/^\//, "") }];
  }
  const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
  const found = [];
  for (;;) {
    /** @type {FileSystemEntry[]} */
    const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (entries.length === 0) break; // a reader gives at most a hundred at a time
    for (const child of entries) found.push(...(await walk(child)));
  }
  return found;
}

/**
 * @param {DataTransfer} transfer
 * @returns {Promise<Chosen[]>}
 */
async function dropped(transfer) {
  // All of them are taken out at once: after the first await the list of items is empty.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry());
  const files = [...transfer.files].map((file) => ({ file, path: file.name }));
  if (entries.length === 0 || entries.includes(null)) return files;
  const lists = await Promise.all(entries.map((entry) => walk(/** @type {FileSystemEntry} */ (entry))));
  return lists.flat();
}

/** A field to drop files and folders on, or to choose them with. */
export class FilePicker {
  /** @param {(chosen: Chosen[]) => void} onChange */
  constructor(onChange) {
    this.onChange = onChange;
    /** @type {Map<string, Chosen>} */
    this.chosen = new Map();
    this.left = 0;
    const files = this.input("pick-files", {
      accept: ".mid,.midi,.kar,.smf,.rmi,.zip,.tar,.tgz,.gz,audio/midi,application/zip",
    });
    const folder = this.input("pick-folder", { webkitdirectory: true });
    this.list = h("div", { class: "chosen", "aria-live": "polite" });
    this.element = h(
      "div",
      { class: "drop" },
      h("p", { class: "drop-call" }, "Drop MIDI files, a folder or a zip here"),
      h(
        "p",
        { class: "row" },
        h("label", { class: "button", for: "pick-files" }, "Choose files"),
        files,
        h("label", { class: "button", for: "pick-folder" }, "Choose a folder"),
        folder,
      ),
      this.list,
    );
    this.element.addEventListener("dragover", (event) => {
      event.preventDefault();
      this.element.classList.add("drop-over");
    });
    this.element.addEventListener("dragleave", () => this.element.classList.remove("drop-over"));
    this.element.addEventListener("drop", (event) => void this.onDrop(event));
  }

  /**
   * @param {string} id
   * @param {Record<string, any>} props
   */
  input(id, props) {
    const input = h("input", { type: "file", id, multiple: true, class: "unseen", ...props });
    input.addEventListener("change", () => {
      this.add([...(input.files ?? [])].map((file) => ({ file, path: file.webkitRelativePath || file.name })));
      input.value = "";
    });
    return input;
  }

  /** @param {DragEvent} event */
  async onDrop(event) {
    event.preventDefault();
    this.element.classList.remove("drop-over");
    if (event.dataTransfer) this.add(await dropped(event.dataTransfer));
  }

  /** @param {Chosen[]} more */
  add(more) {
    for (const chosen of more) {
      if (WANTED.test(chosen.path)) this.chosen.set(chosen.path, chosen);
      else this.left += 1;
    }
    this.show();
  }

  clear() {
    this.chosen.clear();
    this.left = 0;
    this.show();
  }

  show() {
    const chosen = [...this.chosen.values()];
    const bytes = chosen.reduce((sum, { file }) => sum + file.size, 0);
    put(
      this.list,
      chosen.length > 0 &&
        h(
          "p",
          null,
          h("b", null, plural(chosen.length, "file")),
          `, ${size(bytes)}: `,
          names(chosen),
          " ",
          button("Clear", () => this.clear(), { class: "link" }),
        ),
      this.left > 0 &&
        h("p", { class: "soft" }, `${plural(this.left, "file")} left out: not MIDI, zip or tar by name.`),
    );
    this.onChange(chosen);
  }
}

/** @param {Chosen[]} chosen */
function names(chosen) {
  const shown = chosen
    .slice(0, 3)
    .map(({ path }) => path)
    .join(", ");
  return chosen.length > 3 ? `${shown} and ${chosen.length - 3} more` : shown;
}

/**
 * Batches small enough that progress is seen and one lost answer costs little.
 * @param {Chosen[]} chosen
 * @returns {Chosen[][]}
 */
export function batches(chosen) {
  /** @type {Chosen[][]} */
  const result = [];
  let bytes = Infinity;
  for (const one of chosen) {
    const last = result[result.length - 1];
    if (!last || last.length >= BATCH_FILES || bytes + one.file.size > BATCH_BYTES) {
      result.push([one]);
      bytes = one.file.size;
    } else {
      last.push(one);
      bytes += one.file.size;
    }
  }
  return result;
}

/**
 * What was left out, with reasons.
 * @param {Skipped[]} files
 * @param {boolean} open
 */
export function skippedFold(files, open) {
  return h(
    "details",
    { class: "fold", open },
    h("summary", null, `${plural(files.length, "file")} not taken`),
    h(
      "ul",
      { class: "plain scrolled", tabindex: 0, "aria-label": "Files not taken" },
      files.map(({ name, reason }) => h("li", null, h("b", null, name), `: ${reason}`)),
    ),
  );
}

/**
 * Send files to a dataset; of a built one its next version takes them.
 * @param {Version} dataset
 * @param {Chosen[]} chosen  at least one
 * @param {(sent: number) => void} onSent  files so far
 * @param {AbortSignal} signal
 * @returns {Promise<UploadResult>}
 */
export async function upload(dataset, chosen, onSent, signal) {
  /** @type {UploadResult} */
  const result = { added: 0, unchanged: 0, replaced: 0, skipped: [], taker: dataset };
  let sent = 0;
  for (const batch of batches(chosen)) {
    const form = new FormData();
    for (const { file, path } of batch) form.append("files", file, path);
    /** @type {import("./types.js").Uploaded} */
    const answer = await post(at("datasets", result.taker.id, "files"), form, signal);
    result.taker = answer.dataset;
    result.added += answer.added;
    result.unchanged += answer.unchanged;
    result.replaced += answer.replaced;
    result.skipped.push(...answer.skipped);
    sent += batch.length;
    onSent(sent);
  }
  if (result.skipped.length > 0) leaveNote(result.taker.id, skippedFold(result.skipped, true));
  return result;
}
