/** The report: a line for every file, accepted or refused, with reasons a musician understands. */

import { at, get } from "../api.js";
import { h } from "../dom.js";
import { count, plural, size, words } from "../format.js";
import { link } from "../router.js";
import { choices, pager, table } from "../lists.js";
import { badge, section } from "../widgets.js";

/**
 * @typedef {import("../types.js").Dataset} Dataset
 * @typedef {import("../types.js").DatasetFile} DatasetFile
 */

const PAGE = 50;

/**
 * What of a file is not in its windows, for one and for several.
 * @type {Record<string, [string, string]>}
 */
const LEFT_OUT = {
  percussion: ["percussion note", "percussion notes"],
  outside_rows: ["note outside the rows", "notes outside the rows"],
  vanished: ["note shorter than a step", "notes shorter than a step"],
  partial_window: ["note in a last window that is not full", "notes in a last window that is not full"],
  doubled: ["note on top of another", "notes on top of others"],
  filtered: ["note of windows left out", "notes of windows left out"],
  note_offs: ["end of no note", "ends of no note"],
  other_metre: ["window in another metre", "windows in another metre"],
  few_notes: ["window with too few notes", "windows with too few notes"],
};

/** @param {DatasetFile} file */
function leftOut({ left_out: counts }) {
  const found = Object.entries(counts).filter(([, number]) => number > 0);
  if (found.length === 0) return null;
  const parts = found.map(([what, number]) => {
    const [one, several] = LEFT_OUT[what] ?? [words(what), words(what)];
    return `${count(number)} ${number === 1 ? one : several}`;
  });
  return h("span", null, `left out: ${parts.join(", ")}`);
}

/** @param {DatasetFile} file */
function refusal({ reason, code, offset }) {
  const place = offset === null ? null : h("span", { class: "soft" }, ` at byte ${count(offset)}`);
  return [h("span", null, reason), h("code", null, code), place];
}

/** @param {DatasetFile} file */
function remarks(file) {
  const labels = Object.entries(file.labels).map(([field, value]) => `${words(field)}: ${value}`);
  return h(
    "td",
    { class: "remarks" },
    file.verdict === "refused" && refusal(file),
    labels.length > 0 && h("span", { class: "soft" }, labels.join(", ")),
    file.held_out && h("span", null, "held out from training"),
    file.duplicate_of && h("span", null, "left out: nearly the same as ", h("b", null, file.duplicate_of)),
    file.verdict === "accepted" && leftOut(file),
    file.warnings.map((warning) => h("span", { class: "warning" }, warning)),
  );
}

/** @param {DatasetFile} file */
function row(file) {
  return h(
    "tr",
    null,
    h("th", { scope: "row", class: "filename" }, file.name),
    h("td", null, file.verdict ? badge(file.verdict) : h("span", { class: "soft" }, "not read yet")),
    h("td", { class: "number" }, count(file.verdict && file.windows)),
    h("td", { class: "number" }, count(file.verdict && file.notes)),
    h("td", { class: "number" }, size(file.size)),
    remarks(file),
  );
}

/**
 * @param {Dataset} dataset
 * @param {string[]} place  where it is shown
 * @param {URLSearchParams} query  verdict, cursor
 * @param {AbortSignal} signal
 */
export async function reportSection(dataset, place, query, signal) {
  const verdict = query.get("verdict") ?? "";
  const cursor = query.get("cursor") ?? "";
  const search = new URLSearchParams({ limit: String(PAGE) });
  if (verdict) search.set("verdict", verdict);
  if (cursor) search.set("cursor", cursor);
  const page = await get(`${at("datasets", dataset.id, "files")}?${search}`, signal);
  if (dataset.files === 0) return null;
  const filters = [
    { text: "all", value: "", number: dataset.files },
    { text: "accepted", value: "accepted", number: dataset.files_accepted },
    { text: "refused", value: "refused", number: dataset.files_refused },
  ].map(({ text, value, number }) => ({
    text: `${text} ${count(number)}`,
    id: `files-${text}`,
    href: link(place, { verdict: value }),
    chosen: value === verdict,
  }));
  const judged = dataset.state !== "building" && dataset.files_accepted + dataset.files_refused > 0;
  return section(
    judged ? "Report" : "Files",
    judged && choices("Which files", filters),
    page.items.length > 0
      ? table(
          `${plural(dataset.files, "file")} of ${dataset.name}`,
          ["File", "Verdict", "Windows", "Notes", "Size", "Remarks"],
          page.items.map(row),
        )
      : h("p", { class: "soft" }, verdict ? `No file was ${verdict}.` : "No files."),
    pager(link(place, { verdict }), page.next_cursor && link(place, { verdict, cursor: page.next_cursor }), !cursor),
  );
}
