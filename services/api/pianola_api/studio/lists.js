/** Lists and tables: rows, pages, choices. */

import { h } from "./dom.js";
import { capital } from "./format.js";

/**
 * A table that may scroll sideways by itself on a narrow screen.
 * @param {string} caption
 * @param {string[]} heads
 * @param {Element[]} rows
 */
export function table(caption, heads, rows) {
  for (const row of rows) {
    // The roles hold where the style sheet lays the cells out as cards, which takes them away.
    row.setAttribute("role", "row");
    [...row.children].forEach((cell, i) => {
      cell.setAttribute("data-head", heads[i] ?? "");
      cell.setAttribute("role", cell.localName === "th" ? "rowheader" : "cell");
    });
  }
  return h(
    "div",
    { class: "table-frame", role: "region", "aria-label": caption, tabindex: 0 },
    h(
      "table",
      { role: "table" },
      h("caption", { class: "unseen" }, caption),
      h(
        "thead",
        { role: "rowgroup" },
        h(
          "tr",
          { role: "row" },
          heads.map((head) => h("th", { scope: "col", role: "columnheader" }, head)),
        ),
      ),
      h("tbody", { role: "rowgroup" }, rows),
    ),
  );
}

/**
 * Links of a paged list. Back goes back, so only the way on and the way home are needed.
 * @param {string} first
 * @param {string|null} next
 * @param {boolean} atFirst
 */
export function pager(first, next, atFirst) {
  if (atFirst && !next) return null;
  return h(
    "nav",
    { class: "pager", "aria-label": "Pages" },
    !atFirst && h("a", { href: first, id: "pager-first" }, "First page"),
    next && h("a", { href: next, id: "pager-next" }, "Next page"),
  );
}

/**
 * One choice among a few, as links, so that the choice is part of the address.
 * @param {string} label
 * @param {{text: string, href: string, chosen: boolean, id: string}[]} choices
 */
export function choices(label, choices) {
  return h(
    "nav",
    { class: "choices", "aria-label": label },
    choices.map(({ text, href, chosen, id }) =>
      h("a", { href, id, "aria-current": chosen ? "true" : null }, capital(text)),
    ),
  );
}
