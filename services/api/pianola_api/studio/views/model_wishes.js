/** What a model can be asked for: the same in a request and in the page's address. */

import { Problem } from "../api.js";
import { h } from "../dom.js";
import { plural } from "../format.js";

/**
 * @typedef {import("../dom.js").Child} Child
 * @typedef {import("../types.js").Sample} Sample
 * @typedef {object} Wish
 * @property {"samples"|"interpolations"|"pieces"|"variations"|"reconstructions"} kind  where it is asked for
 * @property {(shown: Sample|null) => Record<string, any>} body  raises a Problem where what it takes is not here any more
 * @property {Query} query  of the address
 * @property {string} stem  what files of it are called
 * @property {(sample: Sample) => Child[]} words
 * @property {string} remark
 * @property {boolean} [ofSong]  of a file that is not kept: the address has the sample that was made of it
 * @property {string} [kept]  id of that sample
 *
 * @typedef {{seed?: number, at?: string, to?: number, n?: number, beats?: number, drift?: number} & Likeness} Query
 * @typedef {{strength?: number, count?: number}} Likeness
 */

export const FIRST_SIZE = 8;
const FIRST_DRIFT = 0.5;

/** Short enough to be read out and typed again. */
const anySeed = () => crypto.getRandomValues(new Uint32Array(1))[0] >>> 1;

/**
 * @param {number|null} from  seed; null: any
 * @param {number} n
 * @returns {Wish}
 */
export function windowsOf(from, n) {
  const seed = from ?? anySeed();
  return {
    kind: "samples",
    body: () => ({ n, seed }),
    query: { seed, n },
    stem: `${seed}`,
    words: () => [`${plural(n, "window")} of seed `, h("code", null, seed)],
    remark: "The same seed gives the same music.",
  };
}

/**
 * @param {number|null} from  seed; null: any
 * @param {number|null} goal  seed; null: any
 * @param {number} n
 * @returns {Wish}
 */
export function wayBetween(from, goal, n) {
  const [seed, to] = [from ?? anySeed(), goal ?? anySeed()];
  return {
    kind: "interpolations",
    body: () => ({ from: { seed }, to: { seed: to }, steps: n }),
    query: { seed, to, n },
    stem: `${seed}-${to}`,
    words: () => [
      `${plural(n, "window")} on the way between seed `,
      h("code", null, seed),
      " and ",
      h("code", null, to),
    ],
    remark: "Each is a little nearer to the last.",
  };
}

/**
 * @param {number|null} from  seed; null: any
 * @param {number} beats
 * @param {number} drift  0..1
 * @returns {Wish}
 */
export function pieceOf(from, beats, drift) {
  const seed = from ?? anySeed();
  return {
    kind: "pieces",
    body: () => ({ beats, seed, drift }),
    query: { seed, beats, drift },
    stem: `${seed}-piece`,
    words: () => [`A piece of ${plural(beats, "beat")} of seed `, h("code", null, seed)],
    remark: "The same seed gives the same piece; a longer one begins with it.",
  };
}

/**
 * @param {object|null} source
 * @param {Sample|null} shown  what was made of it before
 * @returns {object} itself, or the earlier sample; raises a Problem where it was a file, which is not here any more
 */
function here(source, shown) {
  if (source) return source;
  const { sample, window, windows } = shown?.source ?? {};
  if (sample) return { sample, window, windows };
  const detail = "Choose its file again to have it played otherwise.";
  throw new Problem(0, { title: "Your song is not kept", detail });
}

/** @param {Sample} sample  of a source */
const named = ({ source }) => source?.name ?? (source?.sample ? "music that was drawn before" : "a song");

/**
 * @param {number|null} from  seed; null: any
 * @param {object|null} source  null: the file is not here any more
 * @param {number} strength  0..1
 * @param {number} n
 * @param {string} [kept]  id of the sample
 * @returns {Wish}
 */
export function likeSong(from, source, strength, n, kept) {
  const seed = from ?? anySeed();
  return {
    kind: "variations",
    body: (shown) => ({ source: here(source, shown), strength, n, seed }),
    query: { seed, strength, count: n },
    stem: `${seed}-variation`,
    words: (sample) => [
      `${plural(n, "variation")} on ${named(sample)}, strength ${strength}, of seed `,
      h("code", null, seed),
    ],
    remark: "At 0 it is the song itself, at 1 new music near it.",
    ofSong: true,
    kept,
  };
}

/**
 * @param {object|null} source  null: the file is not here any more
 * @param {string} [kept]  id of the sample
 * @returns {Wish}
 */
export function remakeOf(source, kept) {
  return {
    kind: "reconstructions",
    body: (shown) => ({ source: here(source, shown) }),
    query: {},
    stem: "reconstruction",
    words: (sample) => [`What the model makes of ${named(sample)}`],
    remark: "Each window is what it plays at the place where it puts the original's.",
    ofSong: true,
    kept,
  };
}

/**
 * @param {number} x  of the model's map
 * @param {number} y
 * @returns {Wish}
 */
export function placeAt(x, y) {
  const place = [x, y].map((each) => Number(each.toFixed(4)));
  const words = place.map((each) => each.toFixed(2)).join(", ");
  return {
    kind: "samples",
    body: () => ({ at: [place] }),
    query: { at: place.join(",") },
    stem: `at-${place.join("-")}`,
    words: () => [`What lies at ${words} of the map`],
    remark: "The same place gives the same music.",
  };
}

/**
 * @param {URLSearchParams} query
 * @returns {[number, number]|null} a place of the map
 */
export function placeOf(query) {
  const [x, y, ...rest] = (query.get("at") ?? "").split(",").map(Number);
  return Number.isFinite(x) && Number.isFinite(y) && rest.length === 0 ? [x, y] : null;
}

/**
 * @param {URLSearchParams} query
 * @returns {Wish}
 */
export function wishOf(query) {
  const given = (/** @type {string} */ name) => (query.get(name) ? Number(query.get(name)) : null);
  const [seed, to, beats] = [given("seed"), given("to"), given("beats")];
  const n = given("n") || FIRST_SIZE;
  const [kept, strength, count] = [query.get("like"), given("strength"), given("count")];
  const place = placeOf(query);
  if (place) return placeAt(...place);
  if (kept && strength === null) return remakeOf(null, kept);
  if (kept) return likeSong(seed, null, strength ?? 0, count ?? 1, kept);
  if (beats !== null) return pieceOf(seed, beats, given("drift") ?? FIRST_DRIFT);
  return to === null ? windowsOf(seed, n) : wayBetween(seed, to, n);
}
