/**
 * Note frequency as bars over the keyboard: one side upwards, another to compare with downwards.
 * @typedef {{label: string, values: number[]}} Side  128 shares of lit steps, by MIDI pitch
 */

import { ChartFrame } from "./chart_frame.js";
import { h, put, s } from "./dom.js";
import { percent, pitchName } from "./format.js";

const HALF = 96;
const AXIS = 30;
const SHARP_LENGTH = 0.58; // of a white key; the names stand below
const SHARP = new Set([1, 3, 6, 8, 10]);
const NAME_WIDTH = 26; // pixels; narrower octaves are named less often

class PitchBars extends ChartFrame {
  /**
   * @param {Side} up
   * @param {Side|null} down
   * @param {[number, number]} range  first pitch, and the one after the last
   * @param {AbortSignal} signal
   */
  constructor(up, down, [low, high], signal) {
    super(
      { title: "Note frequency", note: "share of lit steps by pitch", height: HALF + AXIS + (down ? HALF : 0) },
      signal,
    );
    this.svg.classList.add("pitch-bars");
    this.up = up;
    this.down = down;
    this.low = low;
    this.high = high;
    this.most = Math.max(...up.values, ...(down?.values ?? []));
    if (!down) {
      this.legend.remove();
      return;
    }
    this.legend.classList.add("legend-solid");
    put(
      this.legend,
      h("li", { class: "tone-one" }, h("span", { class: "swatch" }), `${up.label}, upwards`),
      h("li", { class: "tone-two" }, h("span", { class: "swatch" }), `${down.label}, downwards`),
    );
  }

  get length() {
    return this.high - this.low;
  }

  /** @param {number} width */
  draw(width) {
    this.slot = width / this.length;
    const every = 12 * Math.ceil(NAME_WIDTH / (this.slot * 12));
    this.mark = s("rect", { class: "bar-mark", y: 0, width: this.slot, height: this.height });
    const parts = [];
    for (let pitch = this.low; pitch < this.high; pitch += 1) {
      parts.push(this.pitch(pitch, (pitch - this.low) * this.slot, this.slot));
    }
    for (let pitch = this.low; pitch < this.high; pitch += every) {
      parts.push(s("text", { x: (pitch - this.low) * this.slot + 3, y: HALF + AXIS - 3 }, pitchName(pitch)));
    }
    put(this.svg, this.mark, parts);
  }

  /**
   * A key and its bars.
   * @param {number} pitch
   * @param {number} x
   * @param {number} slot
   */
  pitch(pitch, x, slot) {
    const up = (HALF * (this.up.values[pitch] ?? 0)) / this.most;
    const down = (HALF * (this.down?.values[pitch] ?? 0)) / this.most;
    const gap = Math.min(2, slot / 4);
    const bar = { x: x + gap / 2, width: slot - gap };
    return s(
      "g",
      null,
      s("rect", { class: "key", x, y: HALF, width: slot, height: AXIS }),
      SHARP.has(pitch % 12) && s("rect", { class: "key-sharp", ...bar, y: HALF, height: AXIS * SHARP_LENGTH }),
      s("rect", { class: this.down ? "bar-generated" : "bar", ...bar, y: HALF - up, height: up }),
      this.down && s("rect", { class: "bar-data", ...bar, y: HALF + AXIS, height: down }),
    );
  }

  /** @param {number} x */
  nearest(x) {
    return Math.max(0, Math.min(this.length - 1, Math.floor(x / (this.slot ?? 1))));
  }

  /** @param {number|null} index */
  show(index) {
    if (this.mark) this.mark.setAttribute("x", String(index === null ? -1000 : index * (this.slot ?? 0)));
    if (index === null) return "";
    const pitch = this.low + index;
    const sides = [this.up, this.down].flatMap((side) => side ?? []);
    const words = sides.map(({ label, values }) => `${label} ${percent(values[pitch] ?? 0)}`.trim());
    return `${pitchName(pitch)}: ${words.join(", ")}`;
  }

  summary() {
    const most = this.up.values.indexOf(Math.max(...this.up.values));
    const sides = this.down ? `: ${this.up.label} above, ${this.down.label} below` : "";
    return `Share of lit steps by pitch${sides}; most at ${pitchName(most)}, ${percent(this.up.values[most])}`;
  }
}

/**
 * @param {Side} up
 * @param {Side|null} down
 * @param {AbortSignal} signal
 * @returns {HTMLElement|null}  null where nothing sounds
 */
export function pitchBars(up, down, signal) {
  const used = up.values
    .map((value, pitch) => (value + (down?.values[pitch] ?? 0) > 0 ? pitch : -1))
    .filter((pitch) => pitch >= 0);
  if (used.length === 0) return null;
  const low = Math.floor(used[0] / 12) * 12;
  const high = Math.ceil((used[used.length - 1] + 1) / 12) * 12;
  return new PitchBars(up, down, [low, high], signal).element;
}
