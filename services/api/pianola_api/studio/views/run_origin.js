/** What a new run is told and what it goes on from: fields that follow the dataset, the family and the preset. */

import { h, put } from "../dom.js";
import { count } from "../format.js";
import { Field, OptionField } from "../form.js";

/**
 * @typedef {import("../types.js").Dataset} Dataset
 * @typedef {import("../types.js").Model} Model
 */

/** The label that a model is told: one of those that tell windows of the dataset apart. */
export class ConditionField extends OptionField {
  /** @param {import("../form.js").Schema} schema */
  constructor(schema) {
    super("condition", { type: "string", choices: { "": "nothing" }, description: schema.description }, null, "Label");
  }

  /**
   * @param {Dataset} dataset
   * @param {boolean} exact  the preset is told nothing
   */
  follow(dataset, exact) {
    const labels = Object.entries(dataset.labels).filter(([, values]) => values.length > 1);
    const chosen = this.control.value;
    put(
      this.control,
      h("option", { value: "" }, "nothing"),
      labels.map(([name, values]) => h("option", { value: name }, `${name} (${count(values.length)} values)`)),
    );
    this.set(!exact && labels.some(([name]) => name === chosen) ? chosen : "");
    this.element.hidden = exact || labels.length === 0;
  }
}

/** The model whose weights a run begins with: one of the same family and preset. */
export class OriginField extends Field {
  /**
   * @param {Model[]} models
   * @param {string|null} wanted  a model's name
   */
  constructor(models, wanted) {
    super("from_checkpoint", h("select", null), {
      label: "Begin with",
      help: "The weights of a model, to go on from what it has learned.",
    });
    this.models = models;
    /** @type {Model|null} */
    this.model = models.find(({ name }) => name === wanted) ?? null;
    this.control.addEventListener("change", () => {
      this.model = models.find(({ name }) => name === this.control.value) ?? null;
    });
  }

  /**
   * @param {string} family
   * @param {string} preset
   */
  follow(family, preset) {
    const fitting = this.models.filter((one) => one.family === family && one.preset === preset);
    if (!this.model || !fitting.includes(this.model)) this.model = null;
    put(
      this.control,
      h("option", { value: "" }, "random weights of its seed"),
      fitting.map(({ name }) => h("option", { value: name, selected: name === this.model?.name }, name)),
    );
    this.element.hidden = fitting.length === 0;
  }
}
