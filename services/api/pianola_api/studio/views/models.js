/** All models. */

import { get } from "../api.js";
import { h, put } from "../dom.js";
import { count } from "../format.js";
import { link } from "../router.js";
import { pager } from "../lists.js";
import { empty, facts, time } from "../widgets.js";

/** @typedef {import("../types.js").Model} Model */

/** @param {Model} model */
function card(model) {
  return h(
    "li",
    { class: "model-card" },
    h("h2", null, h("a", { href: link(["models", model.name]) }, model.name)),
    facts([
      ["Family", `${model.family} ${model.preset}`],
      ["Step", count(model.step)],
      ["Run", h("a", { href: link(["runs", model.run_id]) }, "how it learned")],
      ["Since", time(model.updated_at)],
    ]),
  );
}

/** @type {import("../types.js").View} */
export async function modelsView({ root, query, signal }) {
  const cursor = query.get("cursor");
  const page = await get(`/v1/models?limit=50${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`, signal);
  put(
    root,
    h("h1", { tabindex: -1 }, "Models"),
    page.items.length === 0 && !cursor
      ? empty(
          "No model yet",
          "A model is a name that points at a checkpoint. Give a run a model name and it appears here when the run has succeeded.",
          h("a", { class: "button main", href: "#/new/run" }, "New run"),
        )
      : h("ul", { class: "model-cards" }, page.items.map(card)),
    pager(link(["models"]), page.next_cursor && link(["models"], { cursor: page.next_cursor }), !cursor),
  );
}
