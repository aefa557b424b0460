/** Making a dataset: a name, a preset, files. */

import { at, post } from "../api.js";
import { h, put } from "../dom.js";
import { plural } from "../format.js";
import { Field, showObjections } from "../form.js";
import { go, link } from "../router.js";
import { FilePicker, upload } from "../upload.js";
import { ProgressBar } from "../widgets.js";

/** @typedef {import("../upload.js").Chosen} Chosen */

const PRESETS = [
  {
    name: "piano",
    text: "All 88 keys. Every note within half a step of where it was played, repeated notes struck again, the end of a piece padded with silence. For music to listen to.",
  },
  {
    name: "thesis",
    text: "As the thesis of 2022 read its files: rounding that drifts, repeated notes that merge, the last partial window dropped. For comparison with its results.",
  },
];

/**
 * @param {{name: string, text: string}} preset
 * @param {boolean} chosen
 */
function presetChoice({ name, text }, chosen) {
  const id = `preset-${name}`;
  return h(
    "div",
    { class: "choice-card" },
    h("input", { type: "radio", name: "preset", id, value: name, checked: chosen, "aria-describedby": `${id}-help` }),
    h("label", { for: id }, name),
    h("p", { id: `${id}-help`, class: "soft" }, text),
  );
}

/**
 * A name a folder suggests.
 * @param {Chosen[]} chosen
 */
function suggestion(chosen) {
  const first = chosen[0]?.path ?? "";
  const stem = first.includes("/") ? first.split("/")[0] : chosen.length === 1 ? first.replace(/\.[^.]+$/, "") : "";
  return stem
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "");
}

/** @type {import("../types.js").View} */
export async function newDatasetView({ root, signal }) {
  const name = new Field(
    "name",
    h("input", { type: "text", required: true, autocomplete: "off", spellcheck: "false", maxlength: 100 }),
    {
      label: "Name",
      help: "For people and programs: clementi, game-music-2.",
    },
  );
  /** @type {Chosen[]} */
  let chosen = [];
  const submit = h("button", { type: "submit", class: "main", id: "create-dataset" }, "Create dataset");
  const build = h("input", { type: "checkbox", id: "build-too", checked: true });
  const picker = new FilePicker((files) => {
    chosen = files;
    if (!name.control.value) name.control.value = suggestion(files);
    put(submit, files.length > 0 ? `Create dataset with ${plural(files.length, "file")}` : "Create dataset");
  });
  const trouble = h("div");
  const bar = new ProgressBar("Sending files");
  bar.element.hidden = true;

  /** @param {FormData} form */
  async function create(form) {
    const dataset = await post("/v1/datasets", { name: name.control.value.trim(), preset: form.get("preset") }, signal);
    if (chosen.length > 0) {
      bar.element.hidden = false;
      bar.set(0, `0 of ${plural(chosen.length, "file")}`);
      const total = chosen.length;
      await upload(dataset.id, chosen, (sent) => bar.set(sent / total, `${sent} of ${plural(total, "file")}`), signal);
      if (build.checked) await post(at("datasets", dataset.id, "build"), null, signal);
    }
    go(link(["datasets", dataset.name]));
  }

  const form = h(
    "form",
    { class: "stack", novalidate: true },
    name.element,
    h(
      "fieldset",
      null,
      h("legend", null, "How MIDI becomes rolls"),
      h(
        "div",
        { class: "choice-cards" },
        PRESETS.map((preset, i) => presetChoice(preset, i === 0)),
      ),
    ),
    h(
      "fieldset",
      null,
      h("legend", null, "Files"),
      picker.element,
      h("p", { class: "check" }, build, h("label", { for: "build-too" }, "Build as soon as the files have arrived")),
    ),
    bar.element,
    trouble,
    h("p", { class: "row" }, submit, h("a", { href: "#/datasets" }, "Cancel")),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    submit.disabled = true;
    try {
      await create(new FormData(form));
    } catch (error) {
      bar.element.hidden = true;
      if (!signal.aborted) showObjections(error, [name], trouble);
    } finally {
      submit.disabled = false;
    }
  });
  put(root, h("h1", { tabindex: -1 }, "New dataset"), form);
}
