/** The figures of an evaluation's report as tables, each beside what real music reaches. */

import { h } from "./dom.js";
import { count, figure, percent, plural, words } from "./format.js";
import { table } from "./lists.js";

/**
 * A row: its name, where in the report its figures are (dots between names), and how they are written.
 * @typedef {[string, string, string, (value: number) => string]} Row
 *
 * @typedef {object} Part
 * @property {string} title
 * @property {string} about
 * @property {[string, string]} heads
 * @property {Row[]} rows
 */

/** @returns {Row} */
const counted = (/** @type {string} */ name, /** @type {string} */ label, /** @type {Row[3]} */ format) => [
  label,
  `generated.${name}`,
  `data.${name}`,
  format,
];

/** @returns {Row} */
const played = (/** @type {string} */ name, /** @type {string} */ label) => [
  label,
  `music.figures.${name}.generated`,
  `music.figures.${name}.data`,
  figure,
];

/** @returns {Row} */
const shared = (/** @type {string} */ name, /** @type {string} */ label) => [
  label,
  `music.figures.${name}.overlap`,
  `music.figures.${name}.data_overlap`,
  percent,
];

/** @returns {Row} */
const both = (/** @type {string} */ name, /** @type {string} */ label, /** @type {Row[3]} */ format) => {
  const [part, last] = name.split(".");
  return [label, `${part}.generated.${last}`, `${part}.data.${last}`, format];
};

/** @type {Part[]} */
const PARTS = [
  {
    title: "Evaluation",
    about: "",
    heads: ["Generated", "Dataset"],
    rows: [
      counted("notes_per_window", "Notes a window", figure),
      counted("density", "Lit share of the roll", percent),
      counted("empty_share", "Silent windows", percent),
      counted("pitches_used", "Pitches used", count),
      counted("qualified_share", "Notes of three steps or more", percent),
      counted("polyphony", "Notes at once, while any sound", figure),
      counted("polyphonic_share", "Steps with chords", percent),
      played("length", "Length of a note, in 1/12 of a beat"),
      played("pitch_class_entropy", "Spread over the 12 pitch classes (at most 2.48)"),
      played("self_similarity", "Likeness of a window's beats (0 to 1)"),
    ],
  },
  {
    title: "Shared with the data",
    about:
      "How much the generated windows have in common with the dataset's, and beside it what one half of the dataset's " +
      "files has in common with the other half: what new pieces of the same kind reach.",
    heads: ["Generated and data", "Data and data"],
    rows: [
      shared("notes", "Notes a window"),
      shared("polyphony", "Notes at once"),
      shared("qualified", "Share of longer notes"),
      shared("length", "Mean length of notes"),
      shared("pitch_class_entropy", "Spread over pitch classes"),
      shared("self_similarity", "Likeness of beats"),
      ["Lengths of notes", "music.lengths.shared", "music.lengths.data_shared", percent],
      ["Places in the beat", "music.onset_positions.shared", "music.onset_positions.data_shared", percent],
      both("fidelity.precision", "Generated windows that could be the data's (precision)", percent),
      both("fidelity.recall", "The data's windows that it could play (recall)", percent),
      both("fidelity.density", "Stays where the data is dense (density, 1 as the data)", figure),
      both("fidelity.coverage", "The data's windows that it came near to (coverage)", percent),
    ],
  },
  {
    title: "Told from the data",
    about: "How often a classifier that has learned on other windows is right: 50 % is guessing, 100 % is certainty.",
    heads: ["Generated or data", "One half of the data or the other"],
    rows: [
      both("two_sample.accuracy", "The better classifier", percent),
      both("two_sample.convolution", "By a look at the roll", percent),
      both("two_sample.features", "By musical features", percent),
    ],
  },
  {
    title: "Copied or new",
    about:
      "Distance to the nearest training window: 0 is a copy, 1 shares no note. Windows held out from training show how " +
      "near new music of this kind comes.",
    heads: ["Generated", "Held out"],
    rows: [
      ["Median distance", "copying.generated", "copying.held_out", figure],
      ["As a share of that of held-out windows", "copying.ratio", "", percent],
    ],
  },
  {
    title: "Surprise at unseen music",
    about: "Nats needed to tell a held-out window; fewer is better. A model that learned stays below both predictions.",
    heads: ["Nats a window", ""],
    rows: [
      ["The model", "likelihood.bound", "", figure],
      ["The best prediction from pitch alone", "likelihood.pitch", "", figure],
      ["The best constant prediction", "likelihood.constant", "", figure],
      ["The model, on the windows that were weighted", "likelihood.importance_weighted.bound", "", figure],
      ["The model, importance-weighted", "likelihood.importance_weighted.weighted", "", figure],
    ],
  },
];

/**
 * The number at a path; null where there is none.
 * @param {any} report
 * @param {string} path
 * @returns {number|null}
 */
function at(report, path) {
  const found = path.split(".").reduce((inner, name) => inner?.[name], report);
  return typeof found === "number" ? found : null;
}

/**
 * @param {Record<string, any>} report
 * @param {Part} part
 * @returns {Element[]}  none where the report has none of its figures
 */
function partTable(report, { title, about, heads, rows }) {
  const known = rows
    .map(([label, of, beside, format]) => ({ label, format, values: [at(report, of), at(report, beside)] }))
    .filter(({ values }) => values.some((value) => value !== null));
  if (known.length === 0) return [];
  const columns = heads[1] ? [0, 1] : [0];
  const lines = known.map(({ label, values, format }) =>
    h(
      "tr",
      null,
      h("th", { scope: "row" }, label),
      columns.map((i) => values[i]).map((value) => h("td", { class: "number" }, value === null ? "–" : format(value))),
    ),
  );
  const head = about ? [h("h3", null, title), h("p", { class: "soft" }, about)] : [];
  return [...head, table(title, ["", ...columns.map((i) => heads[i])], lines)];
}

/**
 * Every part that the report has; older reports have fewer.
 * @param {Record<string, any>} report
 * @returns {Element[]}
 */
export function reportTables(report) {
  return PARTS.flatMap((part) => partTable(report, part));
}

/**
 * What the figures were made from, and what could not be said and why.
 * @param {Record<string, any>} report
 */
export function reportNotes({ two_sample: told, likelihood, copying, missing }) {
  const asked = told?.generated?.asked_about;
  const weighted = likelihood?.importance_weighted;
  return h(
    "ul",
    { class: "plain soft" },
    asked &&
      h("li", null, `Classifiers were asked about ${count(asked)} windows a side that they had not learned from.`),
    copying && h("li", null, `Copies were looked for in ${plural(copying.windows.training, "training window")}.`),
    likelihood &&
      h("li", null, `Surprise at ${plural(likelihood.windows, "held-out window")}; weighted: ${count(weighted.windows)}.`),
    Object.entries(missing ?? {}).map(([path, why]) =>
      h("li", null, `No ${words(path).replaceAll(".", ", ")}: ${why}.`),
    ),
  );
}
