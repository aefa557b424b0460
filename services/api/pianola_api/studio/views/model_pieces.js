/** How long a piece is to be, and how far it may move from how it begins. */

import { h } from "../dom.js";
import { Field, Slider } from "../form.js";
import { button } from "../widgets.js";

const BEATS = { fewest: 16, usual: 64, most: 512, window: 8 };
const USUAL_DRIFT = 0.5;

export class PieceForm {
  /**
   * @param {URLSearchParams} query
   * @param {(beats: number, drift: number, fresh: boolean) => void} onAsk  fresh: of a new seed
   */
  constructor(query, onAsk) {
    this.beats = new Field(
      "beats",
      h("input", {
        type: "number",
        min: BEATS.fewest,
        max: BEATS.most,
        step: BEATS.window,
        value: query.get("beats") ?? BEATS.usual,
      }),
      { label: "Beats" },
    );
    const drift = Number(query.get("drift") ?? USUAL_DRIFT);
    this.drift = new Slider(
      "drift",
      { min: 0, max: 1, step: 0.05, value: drift },
      { label: "Drift from how it begins" },
    );
    this.fields = [this.beats, this.drift];
    const ask = (/** @type {boolean} */ fresh) =>
      onAsk(Number(this.beats.control.value), this.drift.number, fresh);
    this.element = h(
      "form",
      { class: "toolbar", novalidate: true, "aria-label": "Longer pieces" },
      this.beats.element,
      this.drift.element,
      h("button", { type: "submit" }, "Piece of this seed"),
      button("New piece", () => ask(true)),
    );
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      ask(false);
    });
  }
}
