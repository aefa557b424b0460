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

/** @param {DatasetFile} file */
function remarks(file) {
  const left = Object.entries(file.left_out ?? {}).filter(([, number]) => number > 0);
  const warnings = file.warnings ?? [];
  if (file.verdict === "refused") {
    const place =
      file.offset === null || file.offset === undefined
        ? null
        : h("span", { class: "soft" }, ` at byte ${count(file.offset)}`);
    return h("td", { class: "remarks" }, file.reason, h("br"), h("code", null, file.code), place);
  }
  return h(
    "td",
    { class: "remarks" },
    left.length > 0 &&
      h("span", null, "left out: ", left.map(([what, number]) => `${count(number)} ${words(what)}`).join(", ")),
    warnings.map((warning) => h("span", { class: "warning" }, warning)),
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
 * @param {URLSearchParams} query  verdict, cursor
 * @param {AbortSignal} signal
 */
export async function reportSection(dataset, query, signal) {
  const verdict = query.get("verdict") ?? "";
  const cursor = query.get("cursor") ?? "";
  const search = new URLSearchParams({ limit: String(PAGE) });
  if (verdict) search.set("verdict", verdict);
  if (cursor) search.set("cursor", cursor);
  const page = await get(`${at("datasets", dataset.id, "files")}?${search}`, signal);
  if (dataset.files === 0) return null;
  const place = ["datasets", dataset.name];
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
  const judged = dataset.files_accepted + dataset.files_refused > 0;
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
