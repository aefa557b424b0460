/** What a window is, shown and played: two bars of Bach's Prelude in C, 96 steps. */

import { h, put } from "../dom.js";
import { Player } from "../player.js";
import { Roll, STEPS, rangeOf } from "../roll.js";
import { button } from "../widgets.js";

const HALF_BAR = 24;
const SIXTEENTH = 3;
const TEMPO = 66;
const CHORDS = [
  [60, 64, 67, 72, 76],
  [60, 62, 69, 74, 77],
];

/** The prelude's pattern: two held notes, then three that climb, twice in every half bar. */
function prelude() {
  return CHORDS.flatMap((chord, bar) =>
    [0, 1].flatMap((half) => {
      const start = (2 * bar + half) * HALF_BAR;
      const held = [0, 1].map((i) => ({
        pitch: chord[i],
        start: start + i * SIXTEENTH,
        length: HALF_BAR - i * SIXTEENTH - 1,
      }));
      const climbing = [0, 1, 2, 3, 4, 5].map((i) => ({
        pitch: chord[2 + (i % 3)],
        start: start + (2 + i) * SIXTEENTH,
        length: SIXTEENTH,
      }));
      return [...held, ...climbing];
    }),
  );
}

/** @param {AbortSignal} signal */
export function exampleWindow(signal) {
  const notes = prelude();
  const player = new Player();
  player.setTempo(TEMPO);
  signal.addEventListener("abort", () => player.stop());
  const roll = new Roll(notes, rangeOf(notes), "A window: two bars of the Prelude in C by Bach", signal);
  let playing = false;
  const part = {
    notes,
    steps: STEPS,
    onStep(/** @type {number|null} */ step) {
      roll.setPlayhead(step);
      playing = step !== null;
      put(play, playing ? "Stop" : "Play");
    },
  };
  const play = button("Play", () => (playing ? player.stop() : void player.play(part)), { class: "play" });
  return h(
    "figure",
    { class: "window hero-window" },
    roll.canvas,
    h(
      "figcaption",
      { class: "window-foot" },
      play,
      h(
        "span",
        { class: "window-words" },
        h("b", null, "A window is eight quarter notes"),
        h("span", { class: "soft" }, "Bach, Prelude in C, as Pianola reads it"),
      ),
    ),
  );
}
