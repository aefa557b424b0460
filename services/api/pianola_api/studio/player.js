/**
 * Plays one window at a time on the synthesiser and says where the playhead is.
 * @typedef {import("./types.js").Note} Note
 * @typedef {object} Part  something that can be played
 * @property {Note[]} notes
 * @property {number} steps
 * @property {(step: number|null) => void} onStep  playhead in steps; null when it has stopped
 * @property {() => void} [onEnd]  reached the end by itself
 */

import { Synth } from "./synth.js";

const AHEAD = 0.12; // seconds of notes handed to the audio clock before they sound
const TICK = 30; // ms between looks; a third of AHEAD survives a slow frame or two
const LEAD_IN = 0.06; // seconds
const STEPS_PER_QUARTER = 12;
const TAIL = 6; // steps of silence before what comes after

export const synth = new Synth();

export class Player {
  constructor() {
    this.tempo = 120;
    /** @type {Part|null} */
    this.part = null;
    /** @type {Note[]} */
    this.queue = [];
    this.anchor = { step: 0, time: 0 };
    this.timer = 0;
    this.frame = 0;
  }

  /** @returns {number} */
  get stepsPerSecond() {
    return (this.tempo * STEPS_PER_QUARTER) / 60;
  }

  /** @returns {number} the step the audio clock has reached */
  position() {
    return this.anchor.step + (synth.now() - this.anchor.time) * this.stepsPerSecond;
  }

  /**
   * @param {Part} part
   * @param {number} [from]  step to begin at
   */
  async play(part, from = 0) {
    this.stop();
    this.part = part;
    await synth.wake();
    if (this.part !== part) return;
    this.queue = part.notes.filter(({ start }) => start >= from).sort((a, b) => a.start - b.start);
    this.anchor = { step: from, time: synth.now() + LEAD_IN };
    this.timer = setInterval(() => this.schedule(), TICK);
    this.schedule();
    this.draw();
  }

  schedule() {
    const horizon = this.position() + AHEAD * this.stepsPerSecond;
    while (this.queue.length > 0 && this.queue[0].start <= horizon) {
      const note = /** @type {Note} */ (this.queue.shift());
      const time = this.anchor.time + (note.start - this.anchor.step) / this.stepsPerSecond;
      const onBeat = note.start % STEPS_PER_QUARTER === 0;
      synth.strike(note.pitch, Math.max(time, synth.now()), note.length / this.stepsPerSecond, onBeat ? 0.9 : 0.72);
    }
    const part = this.part;
    if (part && this.position() > part.steps + TAIL) {
      this.rest();
      part.onEnd?.();
    }
  }

  draw() {
    const part = this.part;
    if (!part) return;
    const heard = this.position() - synth.latency() * this.stepsPerSecond;
    part.onStep(Math.max(0, Math.min(part.steps, heard)));
    this.frame = requestAnimationFrame(() => this.draw());
  }

  /** @param {number} tempo  quarter notes a minute; takes effect at once */
  setTempo(tempo) {
    if (this.part) this.anchor = { step: this.position(), time: synth.now() };
    this.tempo = tempo;
  }

  /** The clock stops; what has been struck rings out. */
  rest() {
    clearInterval(this.timer);
    cancelAnimationFrame(this.frame);
    const part = this.part;
    this.part = null;
    this.queue = [];
    part?.onStep(null);
  }

  stop() {
    this.rest();
    synth.silence();
  }
}
