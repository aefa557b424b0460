/** The first thing seen: the three rooms, what is in them, and what to do next. */

import { get } from "../api.js";
import { h, put } from "../dom.js";
import { plural } from "../format.js";
import { link } from "../router.js";
import { inWords, reference } from "../versions.js";
import { badge, time } from "../widgets.js";
import { exampleWindow } from "./home_example.js";

/** @typedef {import("../dom.js").Child} Child */

const SHOWN = 4;

/**
 * @param {number} number
 * @param {string} title
 * @param {string} text
 * @param {Child[]} items
 * @param {Child[]} actions
 */
function room(number, title, text, items, actions) {
  return h(
    "section",
    { class: "room" },
    h("h2", null, h("span", { class: "room-number", "aria-hidden": "true" }, number), title),
    h("p", { class: "soft" }, text),
    items.length > 0 && h("ul", { class: "room-list" }, items),
    h("p", { class: "row" }, actions),
  );
}

/**
 * @param {string} href
 * @param {string} name
 * @param {Child} aside
 * @param {Child} below
 */
const entry = (href, name, aside, below) =>
  h("li", null, h("a", { href }, name), aside, h("span", { class: "soft small" }, below));

/** @type {import("../types.js").View} */
export async function homeView({ root, signal }) {
  const [datasets, runs, models] = await Promise.all(
    ["datasets", "runs", "models"].map((name) => get(`/v1/${name}?limit=${SHOWN}`, signal)),
  );
  const built = datasets.items.find((/** @type {import("../types.js").Dataset} */ one) => one.state === "built");
  const next = models.items.length > 0 ? 3 : built ? 2 : 1;
  const primary = (/** @type {number} */ step) => `button${step === next ? " main" : ""}`;
  put(
    root,
    h(
      "div",
      { class: "hero" },
      h(
        "div",
        { class: "stack" },
        h("h1", { tabindex: -1 }, "A folder of MIDI files goes in. New music comes out."),
        h("p", null, "Pianola reads the files as piano rolls, lets a model learn them, and plays what it has learned."),
      ),
      exampleWindow(signal),
    ),
    h(
      "div",
      { class: "rooms" },
      room(
        1,
        "Datasets",
        "MIDI files cut into windows of eight quarter notes, with a report on every file.",
        datasets.items.map((/** @type {import("../types.js").Dataset} */ one) =>
          entry(
            link(["datasets", reference(one)]),
            inWords(one),
            badge(one.state),
            one.state === "built" ? plural(one.windows, "window") : plural(one.files, "file"),
          ),
        ),
        [
          h("a", { class: primary(1), href: "#/new/dataset" }, "New dataset"),
          datasets.next_cursor && h("a", { href: "#/datasets" }, "All datasets"),
        ],
      ),
      room(
        2,
        "Runs",
        "A model learns a dataset; its curves and the windows it draws appear as it goes.",
        runs.items.map((/** @type {import("../types.js").Run} */ one) =>
          entry(
            link(["runs", one.id]),
            `${one.family} ${one.preset} on ${one.dataset_name}`,
            badge(one.state),
            time(one.created_at),
          ),
        ),
        [
          built || runs.items.length > 0
            ? h(
                "a",
                { class: primary(2), href: link(["new", "run"], { dataset: built && reference(built) }) },
                "New run",
              )
            : h("span", { class: "soft" }, "Build a dataset first."),
          runs.next_cursor && h("a", { href: "#/runs" }, "All runs"),
        ],
      ),
      room(
        3,
        "Models",
        "Names that point at trained networks. Hear them, see them, take the MIDI.",
        models.items.map((/** @type {import("../types.js").Model} */ one) =>
          entry(
            link(["models", one.name]),
            one.name,
            h("span", { class: "tag" }, `${one.family} ${one.preset}`),
            time(one.updated_at),
          ),
        ),
        [
          models.items.length > 0
            ? h(
                "a",
                { class: primary(3), href: link(["models", models.items[0].name]) },
                `Hear ${models.items[0].name}`,
              )
            : h("span", { class: "soft" }, "A model appears when a run has succeeded."),
          models.next_cursor && h("a", { href: "#/models" }, "All models"),
        ],
      ),
    ),
  );
}
