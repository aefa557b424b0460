/**
 * Music drawn on a canvas: pitch upwards, time to the right, a line at every C, beat and bar.
 * @typedef {import("./types.js").Note} Note
 * @typedef {{low: number, high: number}} Range  MIDI pitches, both inside
 */

import { pitchName } from "./format.js";

export const STEPS = 96;
const BEAT = 12;
const BAR = 48;
const GUTTER = 34; // px for the names of the Cs
const FEWEST_ROWS = 36; // three octaves: one shape looks alike on every card
const SHARP = new Set([1, 3, 6, 8, 10]);
const SCHEME = matchMedia("(prefers-color-scheme: dark)");

/**
 * The pitches that hold all notes, in whole semitones with a margin.
 * @param {Note[]} notes
 * @returns {Range}
 */
export function rangeOf(notes) {
  const pitches = notes.map(({ pitch }) => pitch);
  let low = Math.min(...pitches, 72) - 2;
  let high = Math.max(...pitches, 48) + 2;
  if (pitches.length > 0) {
    low = Math.min(...pitches) - 2;
    high = Math.max(...pitches) + 2;
  }
  const lacking = FEWEST_ROWS - (high - low + 1);
  if (lacking > 0) {
    low -= Math.ceil(lacking / 2);
    high += Math.floor(lacking / 2);
  }
  return { low: Math.max(0, low), high: Math.min(127, high) };
}

/** @param {HTMLElement} element */
function colours(element) {
  const style = getComputedStyle(element);
  const of = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
  return {
    sheet: of("--roll-sheet"),
    sharp: of("--roll-sharp"),
    beat: of("--roll-beat"),
    bar: of("--roll-bar"),
    label: of("--ink-soft"),
    low: of("--roll-low"),
    high: of("--roll-high"),
    lit: of("--roll-lit"),
    head: of("--accent"),
    font: `10px ${style.fontFamily}`,
  };
}

export class Roll {
  /**
   * @param {Note[]} notes
   * @param {Range} range
   * @param {string} label  what a person who cannot see it is told
   * @param {AbortSignal} signal
   * @param {number} [steps]  how long it is: a window if not given
   */
  constructor(notes, range, label, signal, steps = STEPS) {
    this.notes = notes;
    this.steps = steps;
    this.range = range;
    /** @type {number|null} */
    this.step = null;
    this.canvas = document.createElement("canvas");
    this.canvas.className = "roll";
    this.canvas.style.setProperty("--rows", String(range.high - range.low + 1));
    this.canvas.style.setProperty("--windows", String(steps / STEPS));
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", label);
    this.still = document.createElement("canvas");
    const observer = new ResizeObserver(() => this.redraw());
    observer.observe(this.canvas);
    SCHEME.addEventListener("change", () => this.redraw(), { signal });
    signal.addEventListener("abort", () => observer.disconnect());
  }

  /** Draw everything that does not move, then the playhead on top. */
  redraw() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (width === 0 || height === 0) return;
    const scale = devicePixelRatio || 1;
    for (const canvas of [this.canvas, this.still]) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
    }
    this.size = { width, height, scale };
    this.palette = colours(this.canvas);
    const pen = this.still.getContext("2d");
    if (!pen) return;
    pen.scale(scale, scale);
    this.drawSheet(pen);
    for (const note of this.notes) this.drawNote(pen, note, this.tone(note.pitch));
    this.paint();
  }

  /** @param {number} step */
  x(step) {
    return GUTTER + (step / this.steps) * ((this.size?.width ?? 0) - GUTTER);
  }

  /** @returns {number} */
  get rowHeight() {
    return (this.size?.height ?? 0) / (this.range.high - this.range.low + 1);
  }

  /** @param {number} pitch  top edge of its row */
  y(pitch) {
    return (this.range.high - pitch) * this.rowHeight;
  }

  /**
   * Low notes take one colour, high notes another, those between a mixture.
   * @param {number} pitch
   */
  tone(pitch) {
    const share = Math.max(0, Math.min(1, (pitch - 36) / 48));
    return `color-mix(in oklch longer hue, ${this.palette?.low} ${Math.round(100 * (1 - share))}%, ${this.palette?.high})`;
  }

  /** @param {CanvasRenderingContext2D} pen */
  drawSheet(pen) {
    const { width, height } = this.size ?? { width: 0, height: 0 };
    const palette = /** @type {ReturnType<typeof colours>} */ (this.palette);
    pen.fillStyle = palette.sheet;
    pen.fillRect(0, 0, width, height);
    pen.font = palette.font;
    pen.textBaseline = "middle";
    for (let pitch = this.range.low; pitch <= this.range.high; pitch += 1) {
      if (SHARP.has(pitch % 12)) {
        pen.fillStyle = palette.sharp;
        pen.fillRect(GUTTER, this.y(pitch), width - GUTTER, this.rowHeight);
      }
    }
    for (let step = 0; step <= this.steps; step += BEAT) {
      pen.fillStyle = step % BAR === 0 ? palette.bar : palette.beat;
      pen.fillRect(Math.min(Math.round(this.x(step)), width - 1), 0, 1, height);
    }
    for (let pitch = Math.ceil(this.range.low / 12) * 12; pitch <= this.range.high; pitch += 12) {
      const line = Math.round(this.y(pitch) + this.rowHeight);
      pen.fillStyle = palette.bar;
      pen.fillRect(GUTTER - 4, line, width - GUTTER + 4, 1);
      pen.fillStyle = palette.label;
      pen.fillText(pitchName(pitch), 6, Math.min(height - 6, Math.max(7, line - this.rowHeight / 2)));
    }
  }

  /**
   * A slot as in the paper of a player piano.
   * @param {CanvasRenderingContext2D} pen
   * @param {Note} note
   * @param {string} colour
   */
  drawNote(pen, note, colour) {
    const left = this.x(note.start) + 0.5;
    const length = Math.max(2, this.x(note.start + note.length) - this.x(note.start) - 1);
    const thick = Math.max(3, this.rowHeight - 1);
    pen.fillStyle = colour;
    pen.beginPath();
    pen.roundRect(left, this.y(note.pitch) + (this.rowHeight - thick) / 2, length, thick, Math.min(3, thick / 2));
    pen.fill();
  }

  /** @param {number|null} step  null hides the playhead */
  setPlayhead(step) {
    this.step = step;
    this.paint();
  }

  paint() {
    const pen = this.canvas.getContext("2d");
    if (!pen || !this.size || !this.palette) return;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.drawImage(this.still, 0, 0);
    const step = this.step;
    if (step === null) return;
    pen.scale(this.size.scale, this.size.scale);
    for (const note of this.notes) {
      if (note.start <= step && step < note.start + note.length) this.drawNote(pen, note, this.palette.lit);
    }
    pen.fillStyle = this.palette.head;
    pen.fillRect(this.x(step) - 1, 0, 2, this.size.height);
  }

  /**
   * The step under a pointer.
   * @param {MouseEvent} event
   */
  stepAt(event) {
    const box = this.canvas.getBoundingClientRect();
    const share = (event.clientX - box.left - GUTTER) / (box.width - GUTTER);
    return Math.max(0, Math.min(this.steps - 1, Math.floor(share * this.steps)));
  }
}
