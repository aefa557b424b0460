/**
 * The place in the page lives behind the #: #/runs/run_01... . Back, forward and reload keep it.
 * @typedef {import("./types.js").View} View
 * @typedef {{pattern: RegExp, title: string, section: string, view: View}} Route
 */

import { h, put } from "./dom.js";
import { loading, problemBox } from "./widgets.js";

/** @returns {{path: string, query: URLSearchParams}} */
export function here() {
  const [path, query] = location.hash.replace(/^#/, "").split("?");
  return { path: path || "/", query: new URLSearchParams(query ?? "") };
}

/**
 * A link into the page.
 * @param {string[]} parts
 * @param {Record<string, string|number|null|undefined>} [query]
 */
export function link(parts, query = {}) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") search.set(name, String(value));
  }
  const tail = search.toString();
  return `#/${parts.map((part) => encodeURIComponent(part).replaceAll("%40", "@")).join("/")}${tail ? `?${tail}` : ""}`;
}

/** @param {string} hash  as from `link` */
export function go(hash) {
  location.hash = hash;
}

/**
 * Change the query without leaving the view or adding to the history.
 * @param {string} hash
 */
export function amend(hash) {
  history.replaceState(null, "", hash);
}

/**
 * Draw the view of the current place into `main` now and at every change.
 * @param {HTMLElement} main
 * @param {Route[]} routes
 */
export function startRouter(main, routes) {
  let leave = new AbortController();
  let before = "";

  async function show() {
    leave.abort();
    leave = new AbortController();
    const { signal } = leave;
    const { path, query } = here();
    const moved = path !== before;
    before = path;
    const route = routes.find(({ pattern }) => pattern.test(path));
    mark(route?.section ?? "");
    document.title = `${route?.title ?? "Not found"} · Pianola`;
    const focused = moved ? "" : (document.activeElement?.id ?? "");
    const root = h("div", { class: "view" }, loading());
    if (moved) put(main, root);
    if (!route) {
      put(
        root,
        h("h1", { tabindex: -1 }, "There is nothing here"),
        h("p", null, h("a", { href: "#/" }, "Back to the start")),
      );
      return;
    }
    try {
      const params = (route.pattern.exec(path) ?? []).slice(1).map((part) => decodeURIComponent(part));
      await route.view({ root, params, query, signal });
    } catch (error) {
      if (signal.aborted) return;
      put(root, h("h1", { tabindex: -1 }, route.title), problemBox(/** @type {Error} */ (error), show));
    }
    if (signal.aborted) return;
    if (!moved) put(main, root);
    settle(root, moved, focused);
  }

  addEventListener("hashchange", show);
  void show();
  return { refresh: show };
}

/**
 * @param {HTMLElement} root
 * @param {boolean} moved
 * @param {string} focused
 */
function settle(root, moved, focused) {
  const heading = root.querySelector("h1");
  if (heading) document.title = `${heading.textContent} · Pianola`;
  if (moved) {
    scrollTo(0, 0);
    heading?.focus({ preventScroll: true });
  } else if (focused) {
    document.getElementById(focused)?.focus({ preventScroll: true });
  }
}

/** @param {string} section */
function mark(section) {
  for (const anchor of document.querySelectorAll("nav a[data-section]")) {
    if (anchor.getAttribute("data-section") === section) anchor.setAttribute("aria-current", "page");
    else anchor.removeAttribute("aria-current");
  }
}
