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
    `${percent(progress.fraction)}${state === "running" ? left : ""}`,
  );
}

/** @param {Run} run */
function row(run) {
  return h(
    "tr",
    null,
    h("th", { scope: "row" }, h("a", { href: link(["runs", run.id]) }, `${run.family} ${run.preset}`)),
    h("td", null, h("a", { href: link(["datasets", run.dataset_name]) }, run.dataset_name)),
    h("td", null, badge(run.state), advance(run)),
    h("td", { class: "number" }, count(run.step)),
    h("td", { class: "number" }, figure(run.progress?.loss)),
    h("td", null, run.model ? h("a", { href: link(["models", run.model]) }, run.model) : "–"),
    h("td", null, time(run.created_at)),
  );
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
  const list = h("div");

  async function draw() {
    const page = await get(`/v1/runs?${search}`, signal);
    if (page.items.length === 0) {
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
        table("Runs", ["Run", "Dataset", "State", "Step", "Loss", "Model", "Created"], page.items.map(row)),
        pager(
          link(["runs"], { state, dataset }),
          page.next_cursor && link(["runs"], { state, dataset, cursor: page.next_cursor }),
          !cursor,
        ),
      );
    }
    return page.items.some((/** @type {Run} */ run) => !ENDED.has(run.state));
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
