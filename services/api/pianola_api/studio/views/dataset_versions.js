/** The versions of a dataset. */

import { h } from "../dom.js";
import { count } from "../format.js";
import { table } from "../lists.js";
import { link } from "../router.js";
import { reference } from "../versions.js";
import { badge, section, time } from "../widgets.js";

/** @typedef {import("../types.js").Dataset} Dataset */

/**
 * @param {Dataset} version
 * @param {Dataset} shown
 */
function row(version, shown) {
  const built = version.state === "built";
  const words = `Version ${version.version}`;
  return h(
    "tr",
    null,
    h(
      "th",
      { scope: "row" },
      version.id === shown.id
        ? h("span", { "aria-current": "true" }, words, h("span", { class: "tag" }, "shown"))
        : h("a", { href: link(["datasets", reference(version)]) }, words),
    ),
    h("td", null, badge(version.state)),
    h("td", { class: "number" }, count(version.files)),
    h("td", { class: "number" }, count(built ? version.files_reused : null)),
    h("td", { class: "number" }, count(built ? version.windows : null)),
    h("td", null, time(version.built_at ?? version.created_at)),
  );
}

/**
 * @param {Dataset[]} versions  newest first
 * @param {Dataset} shown
 */
export function versionsSection(versions, shown) {
  if (versions.length < 2) return null;
  return section(
    "Versions",
    table(
      `Versions of ${shown.name}`,
      ["Version", "State", "Files", "Taken over", "Windows", "Built"],
      versions.map((version) => row(version, shown)),
    ),
  );
}

/**
 * Where an older version is shown: the way to the newest.
 * @param {Dataset} newest
 */
export function newerNote(newest) {
  return h(
    "p",
    { class: "soft" },
    `This is not the newest version: `,
    h("a", { href: link(["datasets", reference(newest)]) }, `version ${newest.version}`),
    { built: " is.", failed: " failed." }[newest.state] ?? " is in the making.",
  );
}
