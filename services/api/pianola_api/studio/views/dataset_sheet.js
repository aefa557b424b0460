/** A dataset at a glance: some of its windows as rolls. */

import { at, key } from "../api.js";
import { h } from "../dom.js";
import { downloadButton, loadPicture, section } from "../widgets.js";

/**
 * @param {import("../types.js").Dataset} dataset
 * @param {AbortSignal} signal
 * @returns {Promise<HTMLElement>}  once the picture is there, so that it moves nothing
 */
export async function sheetSection(dataset, signal) {
  const path = at("datasets", dataset.id, "contact-sheet");
  const trouble = h("div");
  const words = `Windows of ${dataset.name} from its first file to its last, as piano rolls with their files' names`;
  const shown = await loadPicture(path, words, signal).catch(() =>
    h("p", { class: "soft" }, "The picture could not be fetched."),
  );
  return section(
    "Contact sheet",
    h("p", { class: "soft" }, "Windows taken evenly from the whole dataset: time runs to the right, pitch upwards."),
    h("div", { class: "sheet", role: "group", "aria-label": "The sheet", tabindex: 0 }, shown),
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
