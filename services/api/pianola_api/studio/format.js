/** Numbers, times and names as people read them. */

const COUNT = new Intl.NumberFormat("en-GB");
const FIGURE = new Intl.NumberFormat("en-GB", { maximumSignificantDigits: 4 });
const DATE = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });
const AGO = new Intl.RelativeTimeFormat("en-GB", { numeric: "auto" });
const NAMES = ["C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B"];

/** @param {number|null|undefined} value */
export const count = (value) => (value === null || value === undefined ? "–" : COUNT.format(value));

/**
 * "1 window", "2 windows".
 * @param {number|null|undefined} value
 * @param {string} word
 */
export const plural = (value, word) => `${count(value)} ${word}${value === 1 ? "" : "s"}`;

/**
 * About four significant digits.
 * @param {number|null|undefined} value
 */
export function figure(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (Number.isInteger(value) || size >= 10_000) return COUNT.format(Math.round(value));
  if (size >= 0.001) return FIGURE.format(value);
  return size === 0 ? "0" : value.toExponential(2);
}

/** @param {number} value  0..1 */
export const percent = (value) => `${(100 * value).toFixed(value > 0 && value < 0.1 ? 1 : 0)} %`;

/** @param {number} bytes */
export function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(bytes < 1e4 ? 1 : 0)} kB`;
  if (bytes < 1e9) return `${(bytes / 1e6).toFixed(1)} MB`;
  return `${(bytes / 1e9).toFixed(2)} GB`;
}

/** @param {number} seconds */
export function duration(seconds) {
  if (seconds < 1) return "less than a second";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  const hours = Math.floor(seconds / 3600);
  return `${hours} h ${Math.round((seconds - hours * 3600) / 60)} min`;
}

/** @param {string} iso */
export const moment = (iso) => DATE.format(new Date(iso));

/** @param {string} iso */
export const clock = (iso) => new Date(iso).toLocaleTimeString("en-GB");

/** @param {string} iso */
export function ago(iso) {
  const seconds = (new Date(iso).getTime() - Date.now()) / 1000;
  if (Math.abs(seconds) < 45) return "just now";
  if (Math.abs(seconds) < 3000) return AGO.format(Math.round(seconds / 60), "minute");
  if (Math.abs(seconds) < 79_200) return AGO.format(Math.round(seconds / 3600), "hour");
  return AGO.format(Math.round(seconds / 86_400), "day");
}

/** @param {number} pitch  MIDI number; 60 is C4 */
export const pitchName = (pitch) => `${NAMES[((pitch % 12) + 12) % 12]}${Math.floor(pitch / 12) - 1}`;

/**
 * "sha256:0123abcd..." as its first characters.
 * @param {string|null|undefined} digest
 */
export const shortDigest = (digest) => (digest ? digest.replace(/^sha256:/, "").slice(0, 12) : "–");

/**
 * "left_out" as "left out".
 * @param {string} name
 */
export const words = (name) => name.replaceAll("_", " ");

/** @param {string} text */
export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
