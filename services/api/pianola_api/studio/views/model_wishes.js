/** What a model can be asked for by seed: the same in a request and in the page's address. */

import { h } from "../dom.js";
import { plural } from "../format.js";

/**
 * @typedef {import("../dom.js").Child} Child
 * @typedef {object} Wish
 * @property {"samples"|"interpolations"|"pieces"} kind  where it is asked for
 * @property {Record<string, any>} body
 * @property {{seed: number, to?: number, n?: number, beats?: number, drift?: number}} query  of the address
 * @property {string} stem  what files of it are called
 * @property {boolean} joined  its windows are one music
 * @property {Child[]} words
 * @property {string} remark
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
    body: { n, seed },
    query: { seed, n },
    stem: `${seed}`,
    joined: false,
    words: [`${plural(n, "window")} of seed `, h("code", null, seed)],
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
    body: { from: { seed }, to: { seed: to }, steps: n },
    query: { seed, to, n },
    stem: `${seed}-${to}`,
    joined: false,
    words: [
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
    body: { beats, seed, drift },
    query: { seed, beats, drift },
    stem: `${seed}-piece`,
    joined: true,
    words: [`A piece of ${plural(beats, "beat")} of seed `, h("code", null, seed)],
    remark: "The same seed gives the same piece; a longer one begins with it.",
  };
}

/**
 * @param {URLSearchParams} query
 * @returns {Wish}
 */
export function wishOf(query) {
  const given = (/** @type {string} */ name) => (query.get(name) ? Number(query.get(name)) : null);
  const [seed, to, beats] = [given("seed"), given("to"), given("beats")];
  const n = given("n") || FIRST_SIZE;
  if (beats !== null) return pieceOf(seed, beats, given("drift") ?? FIRST_DRIFT);
  return to === null ? windowsOf(seed, n) : wayBetween(seed, to, n);
}
