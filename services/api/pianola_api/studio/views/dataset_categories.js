/** How many windows each of a number of named things has: metres, the values of a label. */

import { h, uid } from "../dom.js";
import { count, percent, plural } from "../format.js";

/**
 * @param {string} value
 * @param {number} number
 * @param {number} most  of all values
 * @param {number} windows  in all
 */
function row(value, number, most, windows) {
  const id = uid("category");
  return h(
    "li",
    { title: `${percent(number / windows)} of the windows` },
    h("label", { for: id }, value),
    h("progress", { id, max: most, value: number }),
    h("span", { class: "number" }, count(number)),
  );
}

/**
 * @param {string} title
 * @param {string} unit  what one of them is called
 * @param {Record<string, number>} counts  windows of each
 * @param {{rest?: [string, number], windows: number}} more  what stands last, in words; windows in all
 */
export function categories(title, unit, counts, { rest, windows }) {
  const ordered = Object.entries(counts).sort(([a, x], [b, y]) => y - x || a.localeCompare(b));
  const shown = rest && rest[1] > 0 ? [...ordered, rest] : ordered;
  const most = Math.max(1, ...shown.map(([, number]) => number));
  return h(
    "figure",
    { class: "chart categories" },
    h(
      "figcaption",
      null,
      h("strong", null, title),
      h("span", { class: "soft" }, `${plural(ordered.length, unit)}, windows of each`),
    ),
    h(
      "ul",
      { class: "scrolled", tabindex: 0, "aria-label": `${title}: windows by ${unit}` },
      shown.map(([value, number]) => row(value, number, most, windows)),
    ),
  );
}
