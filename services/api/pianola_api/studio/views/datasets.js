/** All datasets. */

import { get } from "../api.js";
import { h, put } from "../dom.js";
import { count } from "../format.js";
import { link } from "../router.js";
import { pager, table } from "../lists.js";
import { inWords, reference } from "../versions.js";
import { badge, empty, time } from "../widgets.js";

/** @param {import("../types.js").Dataset} dataset */
function row(dataset) {
  return h(
    "tr",
    null,
    h("th", { scope: "row" }, h("a", { href: link(["datasets", reference(dataset)]) }, inWords(dataset))),
    h("td", null, badge(dataset.state)),
    h("td", { class: "number" }, count(dataset.files)),
    h("td", { class: "number" }, count(dataset.state === "built" ? dataset.files_refused : null)),
    h("td", { class: "number" }, count(dataset.state === "built" ? dataset.windows : null)),
    h("td", null, dataset.preset),
    h("td", null, time(dataset.created_at)),
  );
}

/** @type {import("../types.js").View} */
export async function datasetsView({ root, query, signal }) {
  const cursor = query.get("cursor");
  const page = await get(`/v1/datasets?limit=25${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`, signal);
  const make = h("a", { class: "button main", href: "#/new/dataset" }, "New dataset");
  if (page.items.length === 0 && !cursor) {
    put(
      root,
      h("h1", { tabindex: -1 }, "Datasets"),
      empty(
        "No dataset yet",
        "A dataset is a named set of MIDI files. Bring a folder of them; every file gets a line in the report.",
        make,
      ),
    );
    return;
  }
  put(
    root,
    h("div", { class: "title-row" }, h("h1", { tabindex: -1 }, "Datasets"), make),
    table("Datasets", ["Name", "State", "Files", "Refused", "Windows", "Preset", "Created"], page.items.map(row)),
    pager(link(["datasets"]), page.next_cursor && link(["datasets"], { cursor: page.next_cursor }), !cursor),
  );
}
