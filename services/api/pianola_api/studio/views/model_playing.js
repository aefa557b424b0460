/** How a model is asked to play: temperature, threshold, key, label and attributes. */

import { h } from "../dom.js";
import { Field, choice } from "../form.js";
import { capital, words } from "../format.js";
import { Attributes } from "./model_attributes.js";

const TONICS = ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"];
const KEYS = ["major", "minor"].flatMap((mode) => TONICS.map((tonic) => `${tonic} ${mode}`));

/**
 * @param {string|null} value
 * @param {number} most
 */
const number = (value, most) => h("input", { type: "number", min: 0, max: most, step: 0.05, value, placeholder: "usual" });

export class Playing {
  /**
   * @param {string} model  name or digest
   * @param {{field: string, values: string[]}|null} condition  what the model was told
   * @param {URLSearchParams} query
   * @param {() => void} onChange
   * @param {AbortSignal} signal
   */
  constructor(model, condition, query, onChange, signal) {
    this.temperature = new Field("temperature", number(query.get("temperature"), 5), { label: "Temperature" });
    this.threshold = new Field("threshold", number(query.get("threshold"), 1), { label: "Threshold" });
    this.key = new Field("key", choice(KEYS, query.get("key"), "as played"), { label: "Snap to" });
    this.label = new Field("label", choice(condition?.values ?? [], query.get("label"), "any"), {
      label: capital(words(condition?.field ?? "label")),
    });
    this.fields = [this.temperature, this.threshold, this.key, this.label];
    for (const field of this.fields) field.control.addEventListener("change", onChange);
    this.attributes = new Attributes(model, query, onChange, signal);
    this.toolbar = h(
      "div",
      { class: "toolbar", role: "group", "aria-label": "How it plays" },
      this.temperature.element,
      this.threshold.element,
      this.key.element,
      condition && this.label.element,
    );
  }

  /** What differs from the model's own way, as of a request. */
  asked() {
    return { ...this.plain(), attributes: this.attributes.asked() };
  }

  /** The same as of the address. */
  query() {
    return { ...this.plain(), attributes: this.attributes.text };
  }

  plain() {
    const given = (/** @type {Field} */ { control: { value } }) => value || null;
    const amount = (/** @type {Field} */ { control: { value } }) => (value === "" ? null : Number(value));
    return {
      temperature: amount(this.temperature),
      threshold: amount(this.threshold),
      key: given(this.key),
      label: given(this.label),
    };
  }

  /** @param {import("../types.js").Sample} sample  that tells what the model has and what it chose by itself */
  told({ options }) {
    for (const [field, value] of /** @type {[Field, number|null][]} */ ([
      [this.temperature, options.temperature],
      [this.threshold, options.threshold],
    ])) {
      field.element.hidden = value === null;
      if (field.control.value === "" && value !== null)
        field.control.setAttribute("placeholder", String(Math.round(value * 1000) / 1000));
    }
  }
}
