/** All runs, with those under way moving. */

import { get } from "../api.js";
import { h, put } from "../dom.js";
import { count, duration, figure, percent } from "../format.js";
import { link } from "../router.js";
import { choices, pager, table } from "../lists.js";
import { every } from "../poll.js";
import { badge, empty, time } from "../widgets.js";

/** @typedef {import("../types.js").Run} Run */

const STATES = ["running", "queued", "paused", "succeeded", "failed", "cancelled"];
const ENDED = new Set(["succeeded", "failed", "cancelled"]);

/** @param {Run} run */
function advance({ state, progress }) {
  if (ENDED.has(state) || !progress) return null;
  const left = progress.eta_seconds ? `, ${duration(progress.eta_seconds)} left` : "";
  return h(
    "span",
    { class: "mini" },
    h("progress", { max: 1, value: progress.fraction, "aria-label": "Progress" }),
    `${typeof progress.fraction === "number" ? percent(progress.fraction) : ""}${state === "running" ? left : ""}`,
  );
}

/** A line of the table; what moves is changed in place, so that a link stays under the pointer. */
class Row {
  /** @param {Run} run */
  constructor(run) {
    this.state = h("td");
    this.step = h("td", { class: "number" });
    this.loss = h("td", { class: "number" });
    this.element = h(
      "tr",
      null,
      h("th", { scope: "row" }, h("a", { href: link(["runs", run.id]) }, `${run.family} ${run.preset}`)),
      h("td", null, h("a", { href: link(["datasets", run.dataset_id]) }, run.dataset_name)),
      this.state,
      this.step,
      this.loss,
      h("td", null, run.model ? h("a", { href: link(["models", run.model]) }, run.model) : "–"),
      h("td", null, time(run.created_at)),
    );
    this.update(run);
  }

  /** @param {Run} run */
  update(run) {
    put(this.state, badge(run.state), advance(run));
    put(this.step, count(run.step));
    put(this.loss, figure(run.progress?.loss));
  }
}

/** @type {import("../types.js").View} */
export async function runsView({ root, query, signal }) {
  const [state, dataset, cursor] = ["state", "dataset", "cursor"].map((name) => query.get(name) ?? "");
  const search = new URLSearchParams({ limit: "25" });
  for (const [name, value] of Object.entries({ state, dataset, cursor })) if (value) search.set(name, value);
  const make = h("a", { class: "button main", href: link(["new", "run"], { dataset }) }, "New run");
  const filters = ["", ...STATES].map((value) => ({
    text: value || "all",
    id: `runs-${value || "all"}`,
    href: link(["runs"], { state: value, dataset }),
    chosen: value === state,
  }));
  const list = h("div", { class: "stack" });
  /** @type {Map<string, Row>} */
  let rows = new Map();

  async function draw() {
    const page = await get(`/v1/runs?${search}`, signal);
    /** @type {Run[]} */
    const runs = page.items;
    if (rows.size > 0 && runs.map(({ id }) => id).join() === [...rows.keys()].join()) {
      for (const run of runs) rows.get(run.id)?.update(run);
    } else {
      rows = new Map(runs.map((run) => [run.id, new Row(run)]));
      show(page.next_cursor);
    }
    return runs.some((run) => !ENDED.has(run.state));
  }

  /** @param {string|null} next */
  function show(next) {
    if (rows.size === 0) {
      put(
        list,
        state || cursor
          ? h("p", { class: "soft" }, "No run like that.")
          : empty(
              "No run yet",
              "A run trains one model on one dataset. Its curves appear here while it learns.",
              h("a", { class: "button", href: "#/datasets" }, "Datasets"),
            ),
      );
    } else {
      put(
        list,
        table(
          "Runs",
          ["Run", "Dataset", "State", "Step", "Loss", "Model", "Created"],
          [...rows.values()].map(({ element }) => element),
        ),
        pager(link(["runs"], { state, dataset }), next && link(["runs"], { state, dataset, cursor: next }), !cursor),
      );
    }
  }

  const moving = await draw();
  put(
    root,
    h("div", { class: "title-row" }, h("h1", { tabindex: -1 }, "Runs"), make),
    choices("Which runs", filters),
    list,
  );
  if (moving) void every(3000, signal, draw);
}
