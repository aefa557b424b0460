/** Starting a run: the form is made from what GET /v1/families says. */

import { all, get, post } from "../api.js";
import { h, put } from "../dom.js";
import { percent, plural, words } from "../format.js";
import { Field, OptionField, changes, showObjections } from "../form.js";
import { go, link } from "../router.js";
import { inWords, reference } from "../versions.js";
import { empty } from "../widgets.js";
import { ConditionField, OriginField } from "./run_origin.js";

/**
 * @typedef {import("../types.js").Dataset} Dataset
 * @typedef {import("../types.js").Model} Model
 * @typedef {{name: string, summary: string, exact: boolean, defaults: Record<string, unknown>}} Preset
 * @typedef {{family: string, summary: string, options: {properties: Record<string, any>}, presets: Preset[]}} Family
 */

const MAIN = ["batch", "learning_rate", "transpose_down", "transpose_up", "condition"];
const LENGTH = ["epochs", "seconds"];

/**
 * The choice between so many epochs and so many seconds.
 * @param {Record<string, OptionField>} fields
 */
function lengthChoice(fields) {
  const given = LENGTH.find((name) => fields[name].preset !== null) ?? LENGTH[0];
  const radios = LENGTH.map((name) => {
    const radio = h("input", {
      type: "radio",
      name: "length",
      id: `length-${name}`,
      value: name,
      checked: name === given,
    });
    radio.addEventListener("change", () => choose(name));
    return h("span", { class: "check" }, radio, h("label", { for: radio.id }, words(name)));
  });
  /** @param {string} chosen */
  function choose(chosen) {
    for (const name of LENGTH) {
      fields[name].element.hidden = name !== chosen;
      fields[name].control.disabled = name !== chosen;
    }
  }
  choose(given);
  return h(
    "fieldset",
    null,
    h("legend", null, "Train for"),
    h(
      "div",
      { class: "stack" },
      h("div", { class: "row" }, radios),
      LENGTH.map((name) => fields[name].element),
    ),
  );
}

/**
 * @param {Family[]} families
 * @param {Dataset[]} datasets
 * @param {Model[]} models
 * @param {URLSearchParams} query
 * @param {AbortSignal} signal
 */
function runForm(families, datasets, models, query, signal) {
  const origin = new OriginField(models, query.get("origin"));
  const wanted = query.get("dataset") ?? origin.model?.dataset_id;
  const chosen = datasets.find((one) => [one.name, one.id, reference(one)].includes(wanted ?? "")) ?? datasets[0];
  const options = (/** @type {string[]} */ values, /** @type {string|null|undefined} */ chosen) =>
    values.map((value) => h("option", { value, selected: value === chosen }, value));
  const dataset = new Field(
    "dataset",
    h(
      "select",
      null,
      datasets.map((one) =>
        h(
          "option",
          { value: reference(one), selected: one === chosen },
          `${inWords(one)} (${plural(one.windows, "window")})`,
        ),
      ),
    ),
    { label: "Dataset" },
  );
  const family = new Field(
    "family",
    h(
      "select",
      null,
      options(
        families.map((one) => one.family),
        origin.model?.family ?? query.get("family"),
      ),
    ),
    { label: "Family" },
  );
  const preset = new Field("preset", h("select", null), { label: "Preset" });
  const model = new Field(
    "model",
    h("input", { type: "text", autocomplete: "off", spellcheck: "false", maxlength: 100 }),
    {
      label: "Model name",
      help: "Will point at the result, so that it can be played.",
    },
  );
  const seed = new Field("seed", h("input", { type: "number", min: 0, step: 1, placeholder: "chosen for you" }), {
    label: "Seed",
    help: "The same seed, data and options give the same weights.",
  });
  const device = new Field("device", h("select", null, options(["cpu", "gpu"], "cpu")), {
    label: "Device",
    help: "The run waits for a trainer that has it.",
  });
  const datasetHelp = h("p", { class: "soft small" });
  const familyHelp = h("p", { class: "soft small" });
  const presetHelp = h("p", { class: "soft small" });
  const place = h("div", { class: "stack" });
  const trouble = h("div");
  /** @type {Record<string, OptionField>} */
  let fields = {};
  let named = "";

  const chosenDataset = () => /** @type {Dataset} */ (datasets.find((one) => reference(one) === dataset.control.value));
  const ownHoldOut = () => Number(chosenDataset().options.held_out ?? 0);
  const chosenFamily = () => /** @type {Family} */ (families.find((one) => one.family === family.control.value));
  const chosenPreset = () =>
    /** @type {Preset} */ (chosenFamily().presets.find(({ name }) => name === preset.control.value));
  /** What goes on from a model is told what that was told. */
  function followOrigin() {
    const told = origin.model?.condition?.field;
    if (told && chosenDataset().labels[told]) fields.condition.set(told);
  }
  function drawPresets() {
    const names = chosenFamily().presets.map(({ name }) => name);
    const usual = names.includes("default") ? "default" : names[0];
    put(preset.control, options(names, origin.model?.family === chosenFamily().family ? origin.model.preset : usual));
    put(familyHelp, chosenFamily().summary);
    drawOptions();
  }
  function drawOptions() {
    const { summary, defaults } = chosenPreset();
    fields = Object.fromEntries(
      Object.entries(chosenFamily().options.properties).map(([name, part]) => [
        name,
        name === "condition" ? new ConditionField(part) : new OptionField(name, part, defaults[name] ?? null),
      ]),
    );
    origin.follow(family.control.value, preset.control.value);
    const more = Object.keys(fields).filter((name) => !MAIN.includes(name) && !LENGTH.includes(name));
    put(presetHelp, summary);
    put(
      place,
      lengthChoice(fields),
      h(
        "div",
        { class: "fields" },
        MAIN.filter((name) => name in fields).map((name) => fields[name].element),
      ),
      h(
        "details",
        { id: "more-options", class: "fold" },
        h("summary", null, "More options"),
        h(
          "div",
          { class: "fields" },
          more.map((name) => fields[name].element),
        ),
      ),
    );
    followDataset();
  }
  function followDataset() {
    const share = ownHoldOut();
    put(datasetHelp, share > 0 && `It holds out ${percent(share)} of its files itself.`);
    fields.held_out.element.hidden = share > 0;
    /** @type {ConditionField} */ (fields.condition).follow(chosenDataset(), chosenPreset().exact);
    followOrigin();
    if (model.control.value !== named) return;
    named = `${chosenDataset().name}-${family.control.value}`;
    model.control.value = named;
  }
  family.control.addEventListener("change", drawPresets);
  preset.control.addEventListener("change", drawOptions);
  dataset.control.addEventListener("change", followDataset);
  origin.control.addEventListener("change", followOrigin);
  drawPresets();

  const submit = h("button", { type: "submit", class: "main", id: "start-run" }, "Start the run");
  const form = h(
    "form",
    { class: "stack", novalidate: true },
    h(
      "div",
      { class: "fields" },
      h("div", null, dataset.element, datasetHelp),
      h("div", null, family.element, familyHelp),
      h("div", null, preset.element, presetHelp),
    ),
    place,
    h("div", { class: "fields" }, model.element, origin.element, seed.element, device.element),
    trouble,
    h("p", { class: "row" }, submit, h("a", { href: "#/runs" }, "Cancel")),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    submit.disabled = true;
    const { held_out: heldOut, ...others } = fields;
    const body = {
      dataset: dataset.control.value,
      family: family.control.value,
      preset: preset.control.value,
      ...(origin.control.value && { from_checkpoint: origin.control.value }),
      options: {
        ...changes(heldOut.element.hidden ? others : fields),
        // What is left out would be as the model has it.
        ...(origin.control.value && { condition: fields.condition.value() }),
      },
      device: device.control.value,
      ...(seed.control.value && { seed: Number(seed.control.value) }),
      ...(model.control.value.trim() && { model: model.control.value.trim() }),
    };
    try {
      const run = await post("/v1/runs", body, signal);
      go(link(["runs", run.id]));
    } catch (error) {
      if (!signal.aborted)
        showObjections(error, [dataset, family, preset, model, origin, seed, device, ...Object.values(fields)], trouble);
    } finally {
      submit.disabled = false;
    }
  });
  return form;
}

/** @type {import("../types.js").View} */
export async function newRunView({ root, query, signal }) {
  /** @type {[{families: Family[]}, Dataset[], Model[]]} */
  const [{ families }, datasets, models] = await Promise.all([
    get("/v1/families", signal),
    all("/v1/datasets", signal),
    all("/v1/models", signal),
  ]);
  const ready = datasets.filter(({ state, windows }) => state === "built" && windows > 0);
  put(
    root,
    h("h1", { tabindex: -1 }, "New run"),
    ready.length > 0
      ? runForm(families, ready, models, query, signal)
      : empty(
          "No dataset is built yet",
          "A run learns from a built dataset. Make one first.",
          h("a", { class: "button main", href: "#/new/dataset" }, "New dataset"),
        ),
  );
}
