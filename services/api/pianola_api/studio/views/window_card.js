/** One generated window: its roll, a play button, downloads. */

import { h, put } from "../dom.js";
import { pitchName, plural } from "../format.js";
import { Roll, STEPS } from "../roll.js";
import { button, problemBox, workButton } from "../widgets.js";

/**
 * @typedef {import("../types.js").SampleWindow} SampleWindow
 * @typedef {object} Host  the stage a card stands on
 * @property {import("../player.js").Player} player
 * @property {boolean} [playingAll]
 * @property {() => void} stop
 * @property {(format: "midi"|"wav"|"musicxml"|"png", ending: string, window: number) => Promise<void>} take
 */

/**
 * What a window can be taken away as: format, ending of the file, words on the button, name for who cannot see it.
 * @type {["midi"|"wav"|"musicxml"|"png", string, string, string][]}
 */
const TAKES = [
  ["midi", "mid", "MIDI", "MIDI"],
  ["wav", "wav", "WAV", "sound"],
  ["musicxml", "musicxml", "Score", "MusicXML"],
  ["png", "png", "PNG", "a picture"],
];

/** @param {SampleWindow} window */
function describe({ notes }) {
  if (notes.length === 0) return "silent";
  const pitches = notes.map(({ pitch }) => pitch);
  return `${plural(notes.length, "note")}, ${pitchName(Math.min(...pitches))} to ${pitchName(Math.max(...pitches))}`;
}

export class WindowCard {
  /**
   * @param {SampleWindow} window
   * @param {import("../roll.js").Range} range
   * @param {Host} host
   * @param {() => void} onEnd
   * @param {AbortSignal} signal
   */
  constructor(window, range, host, onEnd, signal) {
    this.host = host;
    this.window = window;
    this.silent = window.notes.length === 0;
    this.part = {
      notes: window.notes,
      steps: STEPS,
      onStep: (/** @type {number|null} */ step) => this.show(step),
      onEnd,
    };
    const title = `Window ${window.index + 1}`;
    const words = describe(window);
    this.roll = new Roll(window.notes, range, `${title}: ${words}`, signal);
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
      this.roll.canvas,
      h(
        "div",
        { class: "window-foot" },
        this.button,
        h("p", { class: "window-words" }, h("b", null, title), h("span", { class: "soft" }, words)),
        h(
          "div",
          { class: "window-takes" },
          TAKES.map(([format, ending, words, name]) =>
            workButton(words, () => host.take(format, ending, window.index), this.trouble, {
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
    const playing = step !== null;
    if (playing === this.playing) return;
    this.playing = playing;
    this.element.classList.toggle("window-playing", playing);
    put(this.button, playing ? "Stop" : "Play");
    this.button.setAttribute("aria-label", `${playing ? "Stop" : "Play"} Window ${this.window.index + 1}`);
  }
}
