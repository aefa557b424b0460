/** A dataset at a glance: some of its windows as rolls. */

import { at, key } from "../api.js";
import { h } from "../dom.js";
import { downloadButton, picture, section } from "../widgets.js";

/**
 * @param {import("../types.js").Dataset} dataset
 * @param {AbortSignal} signal
 */
export function sheetSection(dataset, signal) {
  const path = at("datasets", dataset.id, "contact-sheet");
  const trouble = h("div");
  const words = `Windows of ${dataset.name} from its first file to its last, as piano rolls with their files' names`;
  return section(
    "Contact sheet",
    h("p", { class: "soft" }, "Windows taken evenly from the whole dataset: time runs to the right, pitch upwards."),
    h("div", { class: "sheet" }, picture(path, words, signal)),
    h(
      "p",
      { class: "row" },
      // A link sends no key; where one is needed the picture is fetched instead.
      !key() && h("a", { href: path, target: "_blank", rel: "noopener", id: "sheet-full" }, "Show it in full size"),
      downloadButton("Download PNG", path, `${dataset.name}-${dataset.version}.png`, trouble),
    ),
    trouble,
  );
}
