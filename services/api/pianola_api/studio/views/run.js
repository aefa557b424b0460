/** One run, live: state, progress, curves, pictures, evaluation, checkpoints, events. */

import { all, at, get, post } from "../api.js";
import { LineChart } from "../chart.js";
import { curves } from "../curves.js";
import { announce, h, put } from "../dom.js";
import { count, duration, figure, percent, plural } from "../format.js";
import { link } from "../router.js";
import { follow } from "../sse.js";
import { ProgressBar, background, badge, facts, problemBox, section, time, workButton } from "../widgets.js";
import { ComparisonPart } from "./run_comparison.js";
import { EvaluationPart } from "./run_evaluation.js";
import { PicturesPart } from "./run_pictures.js";
import { RecordPart } from "./run_record.js";

/**
 * @typedef {import("../types.js").Run} Run
 * @typedef {import("../types.js").RunEvent} RunEvent
 * @typedef {import("../types.js").MetricPoint} MetricPoint
 */

export const ENDED = new Set(["succeeded", "failed", "cancelled"]);
/**
 * Which buttons a state permits.
 * @type {Record<string, string[]>}
 */
const ACTIONS = { queued: ["cancel"], running: ["pause", "cancel"], pausing: ["cancel"], paused: ["resume", "cancel"] };
const ACTION_WORDS = /** @type {Record<string, string>} */ ({ cancel: "Cancel", pause: "Pause", resume: "Resume" });
const MOVES = new Set([
  "created",
  "started",
  "set_up",
  "evaluated",
  "cancelling",
  "pausing",
  "paused",
  "resumed",
  "requeued",
  "succeeded",
  "failed",
  "cancelled",
]);

/** @param {{run_id: string, step: number}} source */
const sourceLink = ({ run_id, step }) => h("a", { href: link(["runs", run_id]) }, `a run's step ${count(step)}`);

/** The charts of a run; a chart is made once and then updated. */
class CurvesPart {
  /** @param {AbortSignal} signal */
  constructor(signal) {
    this.signal = signal;
    /** @type {Map<number, MetricPoint>} */
    this.points = new Map();
    /** @type {Map<string, LineChart>} */
    this.charts = new Map();
    this.grid = h("div", { class: "charts" });
    this.waiting = h("p", { class: "soft" }, "The first point appears at the first evaluation.");
    this.element = section("Curves", this.waiting, this.grid);
  }

  /** @param {MetricPoint[]} points */
  add(points) {
    for (const point of points) {
      const known = this.points.get(point.step);
      if (!known || known.attempt <= point.attempt) this.points.set(point.step, point);
    }
    this.waiting.hidden = this.points.size > 0;
    for (const { key, series, percent: inPercent, ...options } of curves([...this.points.values()])) {
      let chart = this.charts.get(key);
      if (!chart) {
        chart = new LineChart({ ...options, ...(inPercent && { format: percent }) }, this.signal);
        this.charts.set(key, chart);
        this.grid.append(chart.element);
      }
      chart.update(series);
    }
  }
}

class RunPage {
  /**
   * @param {Run} run
   * @param {AbortSignal} signal
   */
  constructor(run, signal) {
    this.run = run;
    this.signal = signal;
    this.path = at("runs", run.id);
    this.top = h("div", { class: "stack" });
    this.moving = h("div");
    this.trouble = h("div", { "aria-live": "polite" });
    this.bar = new ProgressBar("Training");
    this.line = h("p", { class: "offline", role: "status", hidden: true }, "Connection lost; trying again …");
    this.curves = new CurvesPart(signal);
    this.pictures = new PicturesPart(this.path, signal);
    this.comparison = new ComparisonPart(run, signal);
    this.evaluation = new EvaluationPart(run, signal, () => this.pictures.load());
    this.record = new RecordPart(run, signal);
  }

  /** @param {Run} run */
  update(run) {
    const moved = run.state !== this.run.state;
    this.run = run;
    if (moved) {
      announce(`Run ${run.state}`);
      this.evaluation.setRun(run);
      if (run.state === "succeeded") background(this.comparison.load(), this.signal, this.trouble);
      this.record.setRun(run);
      this.draw();
    } else {
      this.move();
    }
  }

  /** Everything above the curves. Made anew only when the state changes, so that a button stays under the pointer. */
  draw() {
    const { run } = this;
    const focused = this.top.contains(document.activeElement);
    const heading = h("h1", { tabindex: -1 }, `${run.family} ${run.preset} on ${run.dataset_name}`);
    put(
      this.top,
      h("p", { class: "crumbs" }, h("a", { href: "#/runs" }, "Runs")),
      h(
        "div",
        { class: "title-row" },
        heading,
        badge(run.state),
        h(
          "span",
          { class: "row" },
          (ACTIONS[run.state] ?? []).map((action) => this.action(action)),
        ),
        run.state === "succeeded" &&
          run.model &&
          h("a", { class: "button main", id: "hear", href: link(["models", run.model]) }, "Hear it"),
      ),
      this.line,
      !ENDED.has(run.state) && this.bar.element,
      run.state === "failed" && problemBox(new Error(run.error ?? "The run failed.")),
      this.trouble,
      h("div", { class: "facts" }, this.still(), this.moving),
    );
    if (focused) heading.focus({ preventScroll: true });
    this.move();
  }

  /** What changes from second to second. */
  move() {
    const { progress, state, step, epoch, attempt, best_step: best } = this.run;
    const speed = progress?.windows_per_second;
    put(
      this.moving,
      facts([
        ["Step", count(step)],
        ["Epoch", count(epoch)],
        ["Best step", best !== null && count(best)],
        ["Loss", typeof progress?.loss === "number" && figure(progress.loss)],
        ["Speed", state === "running" && speed && `${plural(Math.round(speed), "window")} a second`],
        ["Attempt", attempt > 1 && count(attempt)],
      ]),
    );
    const fraction = progress?.fraction ?? (state === "running" ? null : 0);
    const words = [
      fraction === null ? "starting" : percent(fraction),
      state === "running" && progress?.eta_seconds && `about ${duration(progress.eta_seconds)} left`,
      state === "queued" && "waiting for a worker",
    ];
    this.bar.set(fraction, words.filter(Boolean).join(", "));
  }

  still() {
    const { run } = this;
    const took = run.started_at && run.finished_at && Date.parse(run.finished_at) - Date.parse(run.started_at);
    return facts([
      ["Dataset", h("a", { href: link(["datasets", run.dataset_id]) }, run.dataset_name)],
      ["Model", run.model],
      ["Seed", h("code", null, run.seed)],
      ["Told", /** @type {string|null} */ (run.options.condition)],
      ["Began with", run.from_checkpoint && sourceLink(run.from_checkpoint)],
      ["Device", run.device],
      ["Computes in", run.setup && `${run.setup.precision}, ${plural(run.setup.threads, "thread")}`],
      ["Created", time(run.created_at)],
      ["Took", took && duration(took / 1000)],
    ]);
  }

  /** @param {string} name */
  action(name) {
    const work = async () => this.update(await post(`${this.path}/${name}`, null, this.signal));
    return workButton(ACTION_WORDS[name], work, this.trouble, {
      id: `run-${name}`,
      class: name === "cancel" ? "quiet" : "",
    });
  }

  /** @param {import("../sse.js").Message} message */
  hear({ id, event, data }) {
    const body = JSON.parse(data);
    if (event === "progress") {
      this.update({ ...this.run, ...body });
      return;
    }
    if (event === "end") {
      void this.refresh();
      return;
    }
    this.record.addEvent({ id: Number(id), kind: event, data: body, created_at: new Date().toISOString() });
    if (event === "evaluated") {
      this.curves.add([{ attempt: this.run.attempt, ...body }]);
      this.update({ ...this.run, step: body.step, epoch: body.epoch });
      background(this.pictures.load(), this.signal, this.trouble);
      background(this.record.loadCheckpoints(), this.signal, this.trouble);
    }
    if (event.startsWith("evaluation_")) background(this.evaluation.load(), this.signal, this.trouble);
    if (MOVES.has(event)) void this.refresh();
  }

  refresh() {
    const look = async () => this.update(await get(this.path, this.signal));
    return background(look(), this.signal, this.trouble);
  }

  async open() {
    /** @type {[MetricPoint[], RunEvent[], ...unknown[]]} */
    const [points, events] = await Promise.all([
      all(`${this.path}/metrics`, this.signal, 20_000),
      all(`${this.path}/events`, this.signal),
      this.pictures.load(),
      this.record.loadCheckpoints(),
      this.evaluation.load(),
      this.record.loadAttempts(),
      this.run.state === "succeeded" && this.comparison.load(),
    ]);
    this.curves.add(points);
    for (const event of events) this.record.addEvent(event);
    return events.reduce((last, { id }) => Math.max(last, id), 0);
  }

  /** @param {number} after */
  listen(after) {
    void follow(`${this.path}/events`, {
      signal: this.signal,
      after,
      onMessage: (message) => this.hear(message),
      onConnection: (connected) => (this.line.hidden = connected),
      onRefused: (error) => put(this.trouble, problemBox(error)),
    });
  }
}

/** @type {import("../types.js").View} */
export async function runView({ root, params, signal }) {
  /** @type {Run} */
  const run = await get(at("runs", params[0]), signal);
  const page = new RunPage(run, signal);
  page.draw();
  const last = await page.open();
  const parts = [page.curves, page.pictures, page.evaluation, page.comparison, page.record];
  put(root, page.top, ...parts.map(({ element }) => element));
  if (!ENDED.has(run.state)) page.listen(last);
}
