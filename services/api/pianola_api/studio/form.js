/**
 * Fields from a JSON schema, and the server's objections put beside them.
 * @typedef {Record<string, any>} Schema  of one option; `choices` are its values with words for them
 */

import { Problem } from "./api.js";
import { announce, h, put, uid } from "./dom.js";
import { capital, words } from "./format.js";
import { problemBox } from "./widgets.js";

/** A labelled control with help below it and a place for an objection. */
export class Field {
  /**
   * @param {string} name  as the server calls it
   * @param {HTMLInputElement|HTMLSelectElement} control
   * @param {{label: string, help?: string}} words
   */
  constructor(name, control, { label, help = "" }) {
    this.name = name;
    this.control = control;
    control.id = uid(`field-${name}`);
    control.name = name;
    this.objection = h("span", { class: "objection", id: `${control.id}-objection` });
    const helpId = `${control.id}-help`;
    control.setAttribute("aria-describedby", `${helpId} ${this.objection.id}`);
    this.element = h(
      "div",
      { class: "field" },
      h("label", { for: control.id }, label),
      control,
      help && h("span", { class: "help", id: helpId }, help),
      this.objection,
    );
  }

  /** @param {string} message  "" takes the objection away */
  object(message) {
    put(this.objection, message);
    this.element.classList.toggle("field-bad", message !== "");
    this.control.setAttribute("aria-invalid", String(message !== ""));
  }
}

/**
 * One of a few values.
 * @param {(string|number)[]} values
 * @param {string|number|null} chosen
 * @param {string} [none]  what no value is called, where there may be none
 */
export const choice = (values, chosen, none) =>
  h(
    "select",
    null,
    none && h("option", { value: "" }, none),
    values.map((value) => h("option", { value, selected: value === chosen }, value)),
  );

/** A number that is dragged, with the words for it beside it. */
export class Slider extends Field {
  /**
   * @param {string} name  as the server calls it
   * @param {{min: number, max: number, step: number, value: number}} range
   * @param {{label: string, help?: string}} words
   * @param {(value: number) => string} [told]  the value for those who see it
   */
  constructor(name, { min, max, step, value }, words, told = String) {
    super(name, h("input", { type: "range", min, max, step, value }), words);
    this.told = told;
    this.output = h("output", { for: this.control.id });
    this.control.after(this.output);
    this.control.addEventListener("input", () => this.tell());
    this.tell();
  }

  tell() {
    put(this.output, this.told(this.number));
  }

  get number() {
    return Number(this.control.value);
  }

  set number(value) {
    this.control.value = String(value);
    this.tell();
  }
}

/**
 * The part of a schema that is not null.
 * @param {Schema} schema
 * @returns {Schema}
 */
function solid(schema) {
  return schema.anyOf?.find((/** @type {Schema} */ part) => part.type !== "null") ?? schema;
}

/**
 * @param {Schema} part
 * @returns {string}
 */
function bounds(part) {
  const low = part.minimum ?? part.exclusiveMinimum;
  const high = part.maximum ?? part.exclusiveMaximum;
  if (low === undefined || high === undefined) return "";
  return `${part.exclusiveMinimum === undefined ? "" : "above "}${low} to ${high}`;
}

/**
 * "4/4, 3/4" as its parts.
 * @param {string} text
 */
const list = (text) =>
  text
    .split(",")
    .map((part) => part.trim())
    .filter(Boolean);

/**
 * Only what differs from the preset is sent, so a run or a dataset says what was asked for.
 * @param {Record<string, OptionField>} fields
 */
export function changes(fields) {
  /** @type {Record<string, unknown>} */
  const result = {};
  for (const [name, field] of Object.entries(fields)) {
    const value = field.control.disabled ? null : field.value();
    if (JSON.stringify(value) !== JSON.stringify(field.preset)) result[name] = value;
  }
  return result;
}

/** One option, typed as its schema says. */
export class OptionField extends Field {
  /**
   * @param {string} name
   * @param {Schema} schema
   * @param {unknown} preset  the preset's value
   * @param {string} [label]
   */
  constructor(name, schema, preset, label = capital(words(name))) {
    const part = solid(schema);
    const control = OptionField.control(part, preset);
    const range = bounds(part);
    const help = range
      ? [schema.description?.replace(/\.$/, ""), range].filter(Boolean).join("; ")
      : schema.description;
    super(name, control, { label, help: capital(help ?? "") });
    this.part = part;
    this.preset = preset;
  }

  /**
   * @param {Schema} part
   * @param {unknown} preset
   */
  static control(part, preset) {
    const values = part.enum ?? (part.choices && Object.keys(part.choices));
    if (values) {
      const options = values.map((/** @type {string} */ value) =>
        h("option", { value, selected: value === preset }, part.choices?.[value] ?? words(value)),
      );
      return h("select", null, options);
    }
    if (part.type === "boolean") return h("input", { type: "checkbox", checked: preset === true });
    if (part.type === "array") {
      const value = /** @type {string[]} */ (preset).join(", ");
      return h("input", { type: "text", value, autocomplete: "off", spellcheck: "false" });
    }
    if (part.type === "string") return h("input", { type: "text", value: preset ?? "" });
    return h("input", {
      type: "number",
      inputmode: part.type === "integer" ? "numeric" : "decimal",
      step: part.type === "integer" ? 1 : "any",
      min: part.minimum,
      max: part.maximum,
      value: preset ?? "",
      placeholder: preset === null ? "not set" : null,
    });
  }

  /** @param {unknown} value  of the kind that `value()` gives */
  set(value) {
    const { control } = this;
    if (control instanceof HTMLInputElement && control.type === "checkbox") control.checked = value === true;
    else control.value = Array.isArray(value) ? value.join(", ") : String(value ?? "");
  }

  /** @returns {unknown} what stands in the field */
  value() {
    const { control, part } = this;
    if (control instanceof HTMLInputElement && control.type === "checkbox") return control.checked;
    if (part.type === "array") return list(control.value);
    if (control.value === "") return null;
    return part.type === "integer" || part.type === "number" ? Number(control.value) : control.value;
  }
}

/**
 * @param {Field[]} fields
 * @param {Element} rest
 */
export function clearObjections(fields, rest) {
  for (const field of fields) field.object("");
  put(rest);
}

/**
 * Put a Problem's objections at the fields they name; what belongs to no field goes to `rest`.
 * @param {unknown} error
 * @param {Field[]} fields
 * @param {Element} rest
 */
export function showObjections(error, fields, rest) {
  clearObjections(fields, rest);
  const problem = error instanceof Problem ? error : null;
  const homeless = [];
  let first = null;
  for (const objection of problem?.errors ?? []) {
    const name = objection.field.split(".").pop();
    const field = fields.find((one) => one.name === name);
    field?.object(objection.message);
    first ??= field;
    if (!field) homeless.push(objection);
  }
  if (first) {
    first.control.closest("details")?.setAttribute("open", "");
    first.control.focus();
    announce(first.objection.textContent ?? "");
  }
  if (!first || homeless.length > 0) {
    if (problem) problem.errors = homeless;
    put(rest, problemBox(/** @type {Error} */ (error)));
  }
}
