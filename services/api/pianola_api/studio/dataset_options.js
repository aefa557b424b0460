/**
 * What can be chosen about a dataset: how MIDI becomes windows, what is kept of them, what they are labelled with.
 * @typedef {{label: string, type: string, description: string, choices?: Record<string, string>, minimum?: number,
 *   maximum?: number}} Option
 */

/** The presets' values. A test holds them against the codec's. */
const COMMON = {
  percussion: false,
  hop: 96,
  metres: [],
  least_notes: 0,
  velocity: false,
  held_out: 0,
  held_out_seed: 0,
  duplicates: "keep",
  folder_labels: [],
};

/** @type {Record<string, {summary: string, values: Record<string, unknown>}>} */
export const PRESETS = {
  piano: {
    summary:
      "All 88 keys. Every note within half a step of where it was played, repeated notes struck again, the end of a piece padded with silence. For music to listen to.",
    values: {
      ...COMMON,
      rounding: "absolute",
      sounding: "channel",
      lowest_pitch: 17,
      shortest: 1,
      restrike: "gap",
      partial: "pad",
    },
  },
  thesis: {
    summary:
      "As the thesis of 2022 read its files: rounding that drifts, repeated notes that merge, the last partial window dropped. For comparison with its results.",
    values: {
      ...COMMON,
      rounding: "delta",
      sounding: "track",
      lowest_pitch: 1,
      shortest: 0,
      restrike: "merge",
      partial: "drop",
    },
  },
};

/** @type {{title: string, options: Record<string, Option>}[]} */
export const GROUPS = [
  {
    title: "Notes",
    options: {
      rounding: {
        label: "Rounding",
        type: "string",
        description: "Of a note's time. There are twelve steps to a quarter note.",
        choices: { absolute: "to the nearest step", delta: "each delta by itself, drifts" },
      },
      lowest_pitch: {
        label: "Lowest pitch",
        type: "integer",
        description: "MIDI number of the bottom row. A roll holds it and the 95 above; 17 holds all 88 keys.",
        minimum: 0,
        maximum: 32,
      },
      shortest: {
        label: "Shortest note",
        type: "integer",
        description: "In steps. With 0 a very short note may vanish.",
        minimum: 0,
        maximum: 1,
      },
      restrike: {
        label: "Struck again",
        type: "string",
        description: "A note struck while it still sounds.",
        choices: { gap: "a dark step before it", merge: "merges with the former" },
      },
      sounding: {
        label: "A note is known by",
        type: "string",
        description: "What a note's end belongs to.",
        choices: { channel: "track, channel and pitch", track: "track and pitch" },
      },
      percussion: {
        label: "Percussion",
        type: "boolean",
        description: "Draw channel 10, the drums, as if it were pitch.",
      },
      velocity: {
        label: "Velocity",
        type: "boolean",
        description: "Keep how hard each note was struck, beside the roll.",
      },
    },
  },
  {
    title: "Windows",
    options: {
      hop: {
        label: "Hop",
        type: "integer",
        description: "Steps from one window to the next. Below 96 windows overlap; 48 gives about twice as many.",
        minimum: 12,
        maximum: 96,
      },
      partial: {
        label: "Last, partial window",
        type: "string",
        description: "The end of a piece.",
        choices: { pad: "padded with silence", drop: "dropped" },
      },
      metres: {
        label: "Only these metres",
        type: "array",
        description: "Time signatures with commas between: 4/4, 3/4. Empty keeps all.",
      },
      least_notes: {
        label: "Least notes",
        type: "integer",
        description: "Windows with fewer are left out.",
        minimum: 0,
        maximum: 1000,
      },
      duplicates: {
        label: "Duplicates",
        type: "string",
        description: "The first of its kind stays. What is left out is counted, and files are named in the report.",
        choices: {
          keep: "kept",
          windows: "identical windows left out",
          files: "near-identical files left out too",
        },
      },
    },
  },
  {
    title: "Hold-out and labels",
    options: {
      held_out: {
        label: "Held out",
        type: "number",
        description: "Share of the files kept from training, to judge models by. With 0 each run decides.",
        minimum: 0,
        maximum: 0.5,
      },
      held_out_seed: {
        label: "Hold-out seed",
        type: "integer",
        description: "Which files those are. A file stays on its side when the dataset grows.",
        minimum: 0,
      },
      folder_labels: {
        label: "Labels from folders",
        type: "array",
        description: "With “genre, composer” a file's first folder is its genre, the second its composer.",
      },
    },
  },
];

/** @type {Record<string, Option>} */
export const OPTIONS = Object.assign({}, ...GROUPS.map(({ options }) => options));

/**
 * An option's value in words.
 * @param {string} name
 * @param {unknown} value
 */
export function optionText(name, value) {
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value)) return value.join(", ") || "none";
  return OPTIONS[name]?.choices?.[String(value)] ?? String(value);
}

/**
 * Options as an address has them; the form for new datasets begins with them.
 * @param {Record<string, unknown>} options
 */
export const optionQuery = (options) =>
  Object.fromEntries(Object.entries(options).map(([name, value]) => [name, String(value)]));
