/** Labels of a dataset's files: a table of them to send. */

import { at, putText } from "../api.js";
import { announce, h, put, uid } from "../dom.js";
import { plural } from "../format.js";
import { leaveNote } from "../notes.js";
import { workButton } from "../widgets.js";

/**
 * @typedef {import("../types.js").Dataset} Dataset
 * @typedef {import("../types.js").Labelled} Labelled
 */

/** @param {Labelled} answer */
function told({ labelled, fields, unknown }) {
  return h(
    "div",
    { class: "stack" },
    h("p", null, `${plural(labelled, "file")} labelled with ${fields.join(", ")}.`),
    unknown.length > 0 &&
      h(
        "details",
        null,
        h("summary", null, `${plural(unknown.length, "name")} in the table that no file has`),
        h(
          "ul",
          { class: "plain" },
          unknown.map((name) => h("li", null, h("code", null, name))),
        ),
      ),
  );
}

/**
 * @param {Dataset} dataset
 * @param {AbortSignal} signal
 * @param {(taker: string) => Promise<void>} onTaken  id of the dataset that took them: the next version of a built one
 */
export function labelsFold(dataset, signal, onTaken) {
  const id = uid("labels");
  const trouble = h("div", { "aria-live": "polite" });
  const outcome = h("div", { "aria-live": "polite" });
  const input = h("input", { type: "file", id, accept: ".csv,text/csv", "aria-describedby": `${id}-help` });
  input.addEventListener("change", () => {
    send.disabled = !input.files?.length;
  });
  const send = workButton(
    "Send the labels",
    async () => {
      const file = input.files?.[0];
      if (!file) return;
      /** @type {Labelled} */
      const answer = await putText(at("datasets", dataset.id, "labels"), await file.text(), "text/csv", signal);
      if (answer.dataset.id === dataset.id) put(outcome, told(answer));
      else leaveNote(answer.dataset.id, told(answer));
      await onTaken(answer.dataset.id);
      announce(`${plural(answer.labelled, "file")} labelled`);
    },
    trouble,
    { id: "send-labels", disabled: true },
  );
  return h(
    "details",
    { class: "fold", id: "labels" },
    h("summary", null, "Labels from a table: composer, genre …"),
    h(
      "div",
      { class: "stack" },
      h(
        "div",
        { class: "field" },
        h("label", { for: id }, "CSV file"),
        input,
        h(
          "span",
          { class: "help", id: `${id}-help` },
          "A column “file” has the files' names as the dataset has them; every other column is a label.",
        ),
      ),
      h("p", null, send),
      trouble,
      outcome,
    ),
  );
}
