/** What a dataset's music is like, in figures and bars. */

import { Problem, at, get } from "../api.js";
import { pitchBars } from "../bars.js";
import { h } from "../dom.js";
import { capital, count, percent, pitchName, plural, words } from "../format.js";
import { Histogram } from "../histogram.js";
import { downloadButton, facts, section } from "../widgets.js";
import { categories } from "./dataset_categories.js";

/**
 * @typedef {import("../types.js").Dataset} Dataset
 * @typedef {import("../types.js").Statistics} Statistics
 * @typedef {import("../histogram.js").Bar} Bar
 * @typedef {import("../histogram.js").HistogramOptions} Chart
 */

const QUARTER = 12; // steps
const ROUGH = new Intl.NumberFormat("en-GB", { maximumSignificantDigits: 3 });
const PLACES = ["beat", "", "", "¼", "⅓", "", "½", "", "⅔", "¾", "", ""];

/**
 * A bar for each number, from the first that is not 0 on.
 * @param {number[]} values
 * @param {(index: number) => {name: string, tick: string}} words
 * @returns {Bar[]}
 */
function bars(values, words) {
  const first = Math.max(
    0,
    values.findIndex((value) => value > 0),
  );
  return values.slice(first).map((value, i) => ({ value, ...words(first + i) }));
}

/**
 * The words of bars that hold `bar` whole numbers each.
 * @param {number} bar
 * @param {string} unit
 */
const stretches = (bar, unit) => (/** @type {number} */ i) => ({
  name: `${i * bar} to ${(i + 1) * bar - 1} ${unit}`,
  tick: String(i * bar),
});

/** @param {Statistics} statistics */
function windowsInFile({ files: { windows_in_file: histogram } }) {
  return bars(histogram.files, (i) => {
    const low = histogram.from[i];
    return { name: low === 1 ? "1 window" : `${count(low)} to ${count(2 * low - 1)} windows`, tick: count(low) };
  });
}

/**
 * @param {string} word
 * @param {number|null} value
 * @param {string} [unit]
 */
const told = (word, value, unit = "") => (value === null ? "" : `${word} ${ROUGH.format(value)} ${unit}`.trim());

/** @param {Statistics} statistics */
function rhythm({ polyphony, onset_positions: onsets, notes_in_window: notes, note_lengths: lengths, tempo }) {
  return /** @type {Chart[]} */ ([
    {
      title: "Onsets in the beat",
      note: "in twelfths of a quarter note",
      bars: onsets.map((value, i) => ({ name: i === 0 ? "on the beat" : `${i}/12 after it`, tick: PLACES[i], value })),
    },
    {
      title: "Polyphony",
      note: "pitches at once",
      words: told("mean", polyphony.mean, "while any sound"),
      unit: "step",
      bars: polyphony.steps.map((value, i) => ({
        name: ["silence", "1 pitch"][i] ?? `${i} pitches`,
        tick: String(i),
        value,
      })),
    },
    {
      title: "Notes in a window",
      words: told("mean", notes.mean),
      unit: "window",
      bars: bars(notes.windows, stretches(notes.bar, "notes")),
    },
    {
      title: "Note lengths",
      note: "in steps, twelve to a quarter note",
      words: told("mean", lengths.mean, "steps"),
      unit: "note",
      bars: bars(lengths.notes, (i) => ({
        name: plural(i, "step"),
        tick: i % QUARTER === 0 || i === 1 ? String(i) : "",
      })),
    },
    {
      title: "Tempo",
      note: "quarter notes a minute",
      words: told("median", tempo.median),
      unit: "window",
      bars: bars(tempo.windows, stretches(tempo.bar, "a minute")),
    },
  ]);
}

/** @param {Statistics} statistics */
function others(statistics) {
  const { pitch_range: range, density, velocity } = statistics;
  /** @type {Chart[]} */
  const charts = [
    { title: "Windows in a file", unit: "file", bars: windowsInFile(statistics) },
    {
      title: "Range of a window",
      note: "semitones, lowest to highest note",
      words: told("mean", range.semitones.mean),
      unit: "window",
      bars: bars(range.semitones.windows, (i) => ({ name: plural(i, "semitone"), tick: String(i) })),
    },
    {
      title: "Density",
      note: "lit share of the roll",
      words: density.mean === null ? "" : `mean ${percent(density.mean)}`,
      unit: "window",
      bars: bars(density.windows, (i) => ({
        name: `from ${percent(i * density.bar)} on`,
        tick: percent(i * density.bar),
      })),
    },
  ];
  if (velocity) {
    charts.push({
      title: "Velocity",
      words: told("mean", velocity.mean),
      unit: "note",
      bars: bars(velocity.notes, (i) => ({ name: `velocity ${i}`, tick: i % 16 === 0 ? String(i) : "" })),
    });
  }
  return charts;
}

/** @param {Statistics} statistics */
function named({ metres: { other = 0, ...metres }, labels, windows }) {
  return [
    categories("Metre", "metre", metres, { rest: ["other", other], windows }),
    ...Object.entries(labels).map(([field, { values, unlabelled }]) =>
      categories(capital(words(field)), "value", values, { rest: ["no label", unlabelled], windows }),
    ),
  ];
}

/** @param {Statistics} statistics */
function atAGlance({ windows, silent, pitch_range: range, density, polyphony, notes_in_window, note_lengths, tempo }) {
  const pitches = range.lowest !== null && range.highest !== null;
  return facts([
    ["Pitches", pitches && `${pitchName(Number(range.lowest))} to ${pitchName(Number(range.highest))}`],
    ["Notes a window", notes_in_window.mean !== null && ROUGH.format(notes_in_window.mean)],
    ["Notes at once", polyphony.mean !== null && ROUGH.format(polyphony.mean)],
    ["Note length", note_lengths.mean !== null && `${ROUGH.format(note_lengths.mean / QUARTER)} quarter notes`],
    ["Lit share of the roll", density.mean !== null && percent(density.mean)],
    ["Tempo", tempo.median !== null && `${count(tempo.median)} a minute`],
    ["Silent windows", silent > 0 && percent(silent / windows)],
  ]);
}

/**
 * @param {Dataset} dataset  built
 * @param {AbortSignal} signal
 */
export async function statisticsSection(dataset, signal) {
  const path = at("datasets", dataset.id, "statistics");
  /** @type {Statistics} */
  let statistics;
  try {
    statistics = await get(path, signal);
  } catch (error) {
    // A dataset built before there were statistics has none, and the server says what to do.
    if (!(error instanceof Problem) || error.status !== 404) throw error;
    return section("Statistics", h("p", { class: "soft" }, error.message));
  }
  const trouble = h("div");
  const charts = [...rhythm(statistics), ...others(statistics)].filter((chart) => chart.bars.length > 0);
  return section(
    "Statistics",
    atAGlance(statistics),
    pitchBars({ label: "", values: statistics.note_frequency }, null, signal),
    h(
      "div",
      { class: "charts charts-small" },
      charts.map((chart) => new Histogram(chart, signal).element),
      named(statistics),
    ),
    h("p", null, downloadButton("Download JSON", path, `${dataset.name}-${dataset.version}.json`, trouble)),
    trouble,
  );
}
