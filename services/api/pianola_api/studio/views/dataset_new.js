/** Making a dataset: a name, a preset and what differs from it, files. */

import { at, post } from "../api.js";
import { h, put } from "../dom.js";
import { plural } from "../format.js";
import { GROUPS, OPTIONS, PRESETS } from "../dataset_options.js";
import { Field, OptionField, changes, showObjections } from "../form.js";
import { go, link } from "../router.js";
import { FilePicker, upload } from "../upload.js";
import { ProgressBar } from "../widgets.js";

/** @typedef {import("../upload.js").Chosen} Chosen */

/**
 * @param {string} name
 * @param {boolean} chosen
 */
function presetChoice(name, chosen) {
  const id = `preset-${name}`;
  return h(
    "div",
    { class: "choice-card" },
    h("input", { type: "radio", name: "preset", id, value: name, checked: chosen, "aria-describedby": `${id}-help` }),
    h("label", { for: id }, name),
    h("p", { id: `${id}-help`, class: "soft" }, PRESETS[name].summary),
  );
}

/** Every option of a dataset, from the preset's values on. */
class AdvancedOptions {
  /** @param {URLSearchParams} query  what the address asks for */
  constructor(query) {
    this.place = h("div", { class: "stack" });
    this.element = h(
      "details",
      { class: "fold", id: "advanced" },
      h("summary", null, "Advanced: rounding, metres, overlap, hold-out, duplicates, labels …"),
      this.place,
    );
    /** @type {Record<string, OptionField>} */
    this.fields = {};
    this.follow(Object.keys(PRESETS)[0]);
    const asked = Object.keys(OPTIONS).filter((name) => query.has(name));
    for (const name of asked) {
      const text = query.get(name);
      this.fields[name].set(OPTIONS[name].type === "boolean" ? text === "true" : text);
    }
    this.element.open = asked.length > 0;
  }

  /** @param {string} preset  whose values stand in the fields from now on; what was changed by hand stays */
  follow(preset) {
    const changed = changes(this.fields);
    this.fields = {};
    put(
      this.place,
      GROUPS.map(({ title, options }) => {
        const fields = Object.entries(options).map(([name, option]) => {
          const field = new OptionField(name, option, PRESETS[preset].values[name], option.label);
          if (name in changed) field.set(changed[name]);
          this.fields[name] = field;
          return field.element;
        });
        return h("fieldset", null, h("legend", null, title), h("div", { class: "fields" }, fields));
      }),
    );
  }
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
export async function newDatasetView({ root, query, signal }) {
  const name = new Field(
    "name",
    h("input", {
      type: "text",
      required: true,
      autocomplete: "off",
      spellcheck: "false",
      maxlength: 100,
      value: query.get("name"),
    }),
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
  const advanced = new AdvancedOptions(query);
  const trouble = h("div");
  const bar = new ProgressBar("Sending files");
  bar.element.hidden = true;

  /** @param {FormData} form */
  async function create(form) {
    const body = { name: name.control.value.trim(), preset: form.get("preset"), options: changes(advanced.fields) };
    const dataset = await post("/v1/datasets", body, signal);
    if (chosen.length > 0) {
      bar.element.hidden = false;
      bar.set(0, `0 of ${plural(chosen.length, "file")}`);
      const total = chosen.length;
      await upload(dataset, chosen, (sent) => bar.set(sent / total, `${sent} of ${plural(total, "file")}`), signal);
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
        Object.keys(PRESETS).map((preset, i) => presetChoice(preset, i === 0)),
      ),
      advanced.element,
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
  form.addEventListener("change", ({ target }) => {
    if (target instanceof HTMLInputElement && target.name === "preset") advanced.follow(target.value);
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    submit.disabled = true;
    try {
      await create(new FormData(form));
    } catch (error) {
      bar.element.hidden = true;
      if (!signal.aborted) showObjections(error, [name, ...Object.values(advanced.fields)], trouble);
    } finally {
      submit.disabled = false;
    }
  });
  put(root, h("h1", { tabindex: -1 }, "New dataset"), form);
}
