/** How many windows each label has. */

import { h, uid } from "../dom.js";
import { capital, count, percent, plural, words } from "../format.js";

/**
 * @param {string} field
 * @param {import("../types.js").Statistics["labels"][string]} counts
 * @param {number} windows  in all
 */
function labelFigure(field, { values, unlabelled }, windows) {
  const ordered = Object.entries(values).sort(([a, x], [b, y]) => y - x || a.localeCompare(b));
  const most = Math.max(1, unlabelled, ...ordered.map(([, number]) => number));
  const title = capital(words(field));
  const row = (/** @type {string} */ value, /** @type {number} */ number, soft = false) => {
    const id = uid("label");
    return h(
      "li",
      { title: `${percent(number / windows)} of the windows` },
      h("label", { for: id, class: soft ? "soft" : null }, value),
      h("progress", { id, max: most, value: number }),
      h("span", { class: "number" }, count(number)),
    );
  };
  return h(
    "figure",
    { class: "chart" },
    h(
      "figcaption",
      null,
      h("strong", null, title),
      h("span", { class: "soft" }, `${plural(ordered.length, "value")}, windows of each`),
    ),
    h(
      "ul",
      { class: "label-bars scrolled", tabindex: 0, "aria-label": `${title}: windows by value` },
      ordered.map(([value, number]) => row(value, number)),
      unlabelled > 0 && row("no label", unlabelled, true),
    ),
  );
}

/** @param {import("../types.js").Statistics} statistics */
export function labelFigures({ labels, windows }) {
  return Object.entries(labels).map(([field, counts]) => labelFigure(field, counts, windows));
}
