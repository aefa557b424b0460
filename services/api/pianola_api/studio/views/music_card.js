/** One generated window or piece: its roll, a play button, downloads. */

import { h, put } from "../dom.js";
import { pitchName, plural } from "../format.js";
import { Roll, STEPS } from "../roll.js";
import { button, problemBox, workButton } from "../widgets.js";

/**
 * @typedef {import("../types.js").Note} Note
 * @typedef {import("../types.js").Sample} Sample
 * @typedef {object} Music
 * @property {string} title
 * @property {Note[]} notes
 * @property {number} steps
 * @property {number|null} window  which of its sample; null: all of it
 * @property {boolean} [given]  to the model: it is nothing of the sample's, and somebody has it
 * @typedef {object} Host  the stage a card stands on
 * @property {import("../player.js").Player} player
 * @property {boolean} [playingAll]
 * @property {() => void} stop
 * @property {(format: "midi"|"wav"|"musicxml"|"png", ending: string, window: number|null) => Promise<void>} take
 */

/**
 * What music can be taken away as: format, ending of the file, words on the button, name for who cannot see it.
 * @type {["midi"|"wav"|"musicxml"|"png", string, string, string][]}
 */
const TAKES = [
  ["midi", "mid", "MIDI", "MIDI"],
  ["wav", "wav", "WAV", "sound"],
  ["musicxml", "musicxml", "Score", "MusicXML"],
  ["png", "png", "PNG", "a picture"],
];

/**
 * What a window of variations is called: the windows of one follow one another.
 * @param {number} index
 * @param {number|undefined} length  windows of what it is like
 */
function titled(index, length) {
  if (length === undefined) return `Window ${index + 1}`;
  const variation = `Variation ${Math.floor(index / length) + 1}`;
  return length === 1 ? variation : `${variation}, window ${(index % length) + 1}`;
}

/**
 * What there is to hear in a sample: its windows, or all of a piece; a reconstruction or one variation beside its original.
 * @param {Sample} sample
 * @returns {Music[]}
 */
export function musicOf({ windows, n, source, options }) {
  const length = source?.windows;
  if (options.drift === null && length !== n) {
    return windows.map(({ index, notes }) => ({ title: titled(index, length), notes, steps: STEPS, window: index }));
  }
  const notes = windows.flatMap((window) => window.notes);
  const whole = { steps: n * STEPS, window: null };
  if (!source) return [{ title: "Piece", notes, ...whole }];
  const title = options.strength === null ? "Reconstruction" : "Variation";
  return [
    { title: "Original", notes: source.notes, given: true, ...whole },
    { title, notes, ...whole },
  ];
}

/** @param {Note[]} notes */
function describe(notes) {
  if (notes.length === 0) return "silent";
  const pitches = notes.map(({ pitch }) => pitch);
  return `${plural(notes.length, "note")}, ${pitchName(Math.min(...pitches))} to ${pitchName(Math.max(...pitches))}`;
}

export class MusicCard {
  /**
   * @param {Music} music
   * @param {import("../roll.js").Range} range
   * @param {Host} host
   * @param {() => void} onEnd
   * @param {AbortSignal} signal
   */
  constructor({ title, notes, steps, window, given }, range, host, onEnd, signal) {
    this.host = host;
    this.title = title;
    this.silent = notes.length === 0;
    this.part = {
      notes,
      steps,
      onStep: (/** @type {number|null} */ step) => this.show(step),
      onEnd,
    };
    const words = describe(notes);
    this.roll = new Roll(notes, range, `${title}: ${words}`, signal, steps);
    const long = steps > STEPS;
    // What is wider than the page is moved with the arrow keys too.
    const reached = long && { tabindex: 0, role: "group", "aria-label": `Roll of ${title}` };
    this.frame = h("div", { class: "roll-frame", ...reached }, this.roll.canvas);
    this.trouble = h("div");
    this.button = button("Play", () => this.toggle(), {
      class: "play",
      "aria-label": `Play ${title}`,
      disabled: this.silent,
    });
    this.playing = false;
    this.element = h(
      "article",
      { class: "window", "aria-label": title },
      this.frame,
      h(
        "div",
        { class: "window-foot" },
        this.button,
        h("p", { class: "window-words" }, h("b", null, title), h("span", { class: "soft" }, words)),
        !given &&
          h(
            "div",
            { class: "window-takes" },
            TAKES.map(([format, ending, words, name]) =>
              workButton(words, () => host.take(format, ending, window), this.trouble, {
                class: "quiet",
                "aria-label": `Download ${title} as ${name}`,
              }),
            ),
          ),
      ),
      this.trouble,
    );
    this.roll.canvas.addEventListener("click", (event) => !this.silent && this.play(this.roll.stepAt(event)));
  }

  toggle() {
    if (this.playing) {
      this.host.stop();
      return;
    }
    this.host.playingAll = false;
    this.play(0);
  }

  /** @param {number} from  step */
  play(from) {
    put(this.trouble);
    this.host.player.play(this.part, from).catch((error) => put(this.trouble, problemBox(error)));
  }

  /** @param {number|null} step */
  show(step) {
    this.roll.setPlayhead(step);
    if (step !== null) this.follow(step);
    const playing = step !== null;
    if (playing === this.playing) return;
    this.playing = playing;
    this.element.classList.toggle("window-playing", playing);
    put(this.button, playing ? "Stop" : "Play");
    this.button.setAttribute("aria-label", `${playing ? "Stop" : "Play"} ${this.title}`);
  }

  /**
   * Turn the page when the playhead leaves it.
   * @param {number} step
   */
  follow(step) {
    const { frame } = this;
    const at = this.roll.x(step);
    const seen = at >= frame.scrollLeft && at <= frame.scrollLeft + frame.clientWidth;
    if (!seen) frame.scrollLeft = at - frame.clientWidth / 8;
  }
}
