/** What a model is and where it came from. */

import { h } from "../dom.js";
import { count, shortDigest } from "../format.js";
import { link } from "../router.js";
import { facts, time } from "../widgets.js";

/** @param {import("../types.js").Model|null} model */
export function aboutModel(model) {
  if (!model) return null;
  return facts([
    ["Family", `${model.family} ${model.preset}`],
    ["Step", count(model.step)],
    ["Checkpoint", h("code", { title: model.checkpoint }, shortDigest(model.checkpoint))],
    ["Run", h("a", { href: link(["runs", model.run_id]) }, "how it learned")],
    ["Was told", model.condition?.field],
    ["Next", h("a", { href: link(["new", "run"], { origin: model.name }) }, "go on from it")],
    ["Since", time(model.updated_at)],
  ]);
}
