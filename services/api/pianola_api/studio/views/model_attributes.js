/** How far music is moved along the model's directions: denser, higher, longer. */

import { at, get } from "../api.js";
import { h } from "../dom.js";
import { Slider } from "../form.js";
import { capital } from "../format.js";
import { button, unfolding } from "../widgets.js";

/** @typedef {import("../types.js").Vector} Vector */

const MOST = 3; // deviations: beyond that hardly any music of the data lies

/**
 * @param {string} text  as "density:1,pitch:-0.5"
 * @returns {Record<string, number>}
 */
function read(text) {
  const pairs = text.split(",").map((pair) => pair.split(":"));
  return Object.fromEntries(pairs.map(([name, steps]) => [name, Number(steps)]).filter(([, steps]) => steps));
}

/** @param {number} steps */
const signed = (steps) => (steps > 0 ? `+${steps}` : String(steps).replace("-", "−"));

/**
 * What a sample was moved by, in words.
 * @param {Record<string, number>|null} attributes
 */
export const moved = (attributes) =>
  Object.entries(attributes ?? {}).map(([name, steps]) => `, ${name} ${signed(steps)}`);

export class Attributes {
  /**
   * @param {string} model  name or digest
   * @param {URLSearchParams} query
   * @param {() => void} onChange
   * @param {AbortSignal} signal
   */
  constructor(model, query, onChange, signal) {
    this.steps = read(query.get("attributes") ?? "");
    this.onChange = onChange;
    this.element = unfolding(
      "Denser, higher, longer …",
      async () => this.sliders((await get(at("models", model, "vectors"), signal)).vectors),
      { wait: "The model's directions are read …", open: this.asked() !== null, signal },
    );
  }

  /** @param {Vector[]} vectors */
  sliders(vectors) {
    const sliders = vectors.map((vector) => this.slider(vector));
    const reset = button("Back to the middle", () => {
      this.steps = {};
      for (const slider of sliders) slider.number = 0;
      this.onChange();
    });
    return h(
      "div",
      { class: "toolbar", role: "group", "aria-label": "Denser, higher, longer" },
      sliders.map(({ element }) => element),
      reset,
    );
  }

  /** @param {Vector} vector */
  slider({ name, more, unit, step }) {
    const slider = new Slider(
      name,
      { min: -MOST, max: MOST, step: 0.25, value: this.steps[name] ?? 0 },
      { label: capital(more), help: `A step is ${Number(step.toPrecision(3))} ${unit}` },
      signed,
    );
    slider.control.addEventListener("change", () => {
      this.steps = { ...this.steps, [name]: slider.number };
      this.onChange();
    });
    return slider;
  }

  /** @returns {Record<string, number>|null} of a request; null where nothing is moved */
  asked() {
    const given = Object.entries(this.steps).filter(([, steps]) => steps !== 0);
    return given.length === 0 ? null : Object.fromEntries(given);
  }

  /** @returns {string|null} of the address */
  get text() {
    const given = Object.entries(this.asked() ?? {});
    return given.length === 0 ? null : given.map((pair) => pair.join(":")).join(",");
  }
}
