/** The evaluation of a run: generated windows beside the dataset's, in figures and as bars over the keyboard. */

import { Problem, at, get, post } from "../api.js";
import { pitchBars } from "../bars.js";
import { h, put } from "../dom.js";
import { count, percent, pitchName } from "../format.js";
import { every } from "../poll.js";
import { reportNotes, reportTables } from "../report_tables.js";
import { background, loading, problemBox, section, workButton } from "../widgets.js";

/**
 * @typedef {import("../types.js").Run} Run
 * @typedef {import("../types.js").Evaluation} Evaluation
 */

const WAITING = new Set(["queued", "running"]);

/**
 * How far apart the two note frequencies are, in words.
 * @param {Record<string, any>} report
 */
function differences({ largest_difference: largest, largest_difference_pitch: pitch, total_difference: total }) {
  const item = (/** @type {string} */ name, /** @type {number} */ value, tail = "") =>
    typeof value === "number" &&
    h("li", null, `${name} difference of note frequency: `, h("b", null, percent(value)), tail);
  return h(
    "ul",
    { class: "plain" },
    item("Largest", largest, typeof pitch === "number" ? ` at ${pitchName(pitch)}` : ""),
    item("Total", total),
  );
}

export class EvaluationPart {
  /**
   * @param {Run} run
   * @param {AbortSignal} signal
   * @param {() => Promise<void>} onDone
   */
  constructor(run, signal, onDone) {
    this.run = run;
    this.signal = signal;
    this.onDone = onDone;
    this.path = `${at("runs", run.id)}/evaluation`;
    this.body = h("div", { class: "stack" });
    this.trouble = h("div");
    this.element = section("Evaluation", this.body, this.trouble);
    /** @type {Evaluation|null} */
    this.evaluation = null;
    this.watching = false;
  }

  /** @param {Run} run */
  setRun(run) {
    this.run = run;
    background(this.load(), this.signal, this.trouble);
  }

  async load() {
    // One is queued with the run's success; asking sooner would only bring a 404.
    if (this.run.state !== "succeeded") {
      this.draw();
      return;
    }
    const before = this.evaluation?.state;
    try {
      this.evaluation = await get(this.path, this.signal);
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 404) throw error;
      this.evaluation = null;
    }
    this.draw();
    if (before && WAITING.has(before) && this.evaluation?.state === "succeeded") await this.onDone();
    if (this.evaluation && WAITING.has(this.evaluation.state)) this.watch();
  }

  watch() {
    if (this.watching) return;
    this.watching = true;
    void every(2500, this.signal, async () => {
      await this.load();
      this.watching = Boolean(this.evaluation && WAITING.has(this.evaluation.state));
      return this.watching;
    });
  }

  draw() {
    const { evaluation, run } = this;
    this.element.hidden = !evaluation && run.state !== "succeeded";
    const again = workButton(
      evaluation ? "Evaluate again" : "Evaluate",
      async () => {
        await post(this.path, {}, this.signal);
        await this.load();
      },
      this.trouble,
      { id: "evaluate" },
    );
    if (!evaluation)
      put(
        this.body,
        h("p", { class: "soft" }, "Draws a thousand windows and compares them with the dataset."),
        h("p", null, again),
      );
    else if (WAITING.has(evaluation.state))
      put(
        this.body,
        loading(
          evaluation.state === "queued"
            ? "Waiting for a worker …"
            : "Drawing windows and comparing them with the dataset …",
        ),
      );
    else if (evaluation.state === "failed")
      put(this.body, problemBox(new Error(evaluation.error ?? "The evaluation failed.")), h("p", null, again));
    else if (evaluation.report) this.drawReport(evaluation.report, evaluation);
  }

  /**
   * @param {Record<string, any>} report
   * @param {Evaluation} evaluation
   */
  drawReport(report, { samples, seed }) {
    const { generated, data } = report.note_frequency ?? {};
    put(
      this.body,
      h("p", { class: "soft" }, `${count(samples)} generated windows (seed ${seed}) beside those of the dataset.`),
      reportTables(report),
      reportNotes(report),
      h("h3", null, "Note frequency"),
      differences(report),
      Array.isArray(generated) &&
        Array.isArray(data) &&
        pitchBars({ label: "generated", values: generated }, { label: "dataset", values: data }, this.signal),
    );
  }
}
