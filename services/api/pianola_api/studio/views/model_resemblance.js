/** Something like my song: a MIDI file, how far to go from it, and how many variations. */

import { h, put } from "../dom.js";
import { Field } from "../form.js";
import { size } from "../format.js";
import { button } from "../widgets.js";

const LARGEST = 2 ** 19; // bytes the sampler takes
const COUNTS = [1, 2, 3, 4, 6, 8];
const USUAL = { count: 3, windows: 4, strength: 0.5 };

/**
 * @param {File} file
 * @returns {Promise<string>} base64
 */
async function encoded(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

/** @typedef {{source: {name: string, midi: string, windows: number|null}, strength: number, n: number}} Likeness */

export class ResemblanceForm {
  /**
   * @param {URLSearchParams} query
   * @param {(likeness: Likeness, fresh: boolean) => void} onAsk  fresh: of a new seed
   */
  constructor(query, onAsk) {
    const given = (/** @type {string} */ name, /** @type {number} */ usual) => Number(query.get(name) ?? usual);
    this.file = h("input", { type: "file", accept: ".mid,.midi,.kar,.smf,.rmi,audio/midi" });
    this.source = new Field("midi", this.file, { label: "Something like this MIDI file" });
    this.strength = new Field(
      "strength",
      h("input", { type: "range", min: 0, max: 1, step: 0.05, value: given("strength", USUAL.strength) }),
      { label: "How far from it" },
    );
    const words = h("output", { for: this.strength.control.id }, this.strength.control.value);
    this.strength.element.append(words);
    this.strength.control.addEventListener("input", () => put(words, this.strength.control.value));
    this.windows = new Field(
      "windows",
      h("input", { type: "number", min: 1, max: 64, step: 1, value: USUAL.windows, placeholder: "all" }),
      { label: "Windows of it" },
    );
    const count = given("count", USUAL.count);
    this.count = new Field(
      "count",
      h(
        "select",
        null,
        COUNTS.map((n) => h("option", { value: n, selected: n === count }, n)),
      ),
      { label: "How many" },
    );
    this.fields = [this.source, this.strength, this.windows, this.count];
    const ask = async (/** @type {boolean} */ fresh) => {
      const likeness = await this.likeness();
      if (likeness) onAsk(likeness, fresh);
    };
    this.element = h(
      "form",
      { class: "toolbar", novalidate: true, "aria-label": "Something like my song" },
      this.source.element,
      this.strength.element,
      this.windows.element,
      this.count.element,
      h("button", { type: "submit" }, "Variations of this seed"),
      button("New variations", () => void ask(true)),
    );
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      void ask(false);
    });
  }

  /** @returns {Promise<Likeness|null>} null where there is no file that could be sent: the field says so */
  async likeness() {
    const file = this.file.files?.[0];
    const objection = !file
      ? "Choose a MIDI file first."
      : file.size > LARGEST
        ? `${file.name} has ${size(file.size)}; at most ${size(LARGEST)} are taken.`
        : "";
    this.source.object(objection);
    if (!file || objection) {
      this.file.focus();
      return null;
    }
    const windows = this.windows.control.value === "" ? null : Number(this.windows.control.value);
    return {
      source: { name: file.name, midi: await encoded(file), windows },
      strength: Number(this.strength.control.value),
      n: Number(this.count.control.value),
    };
  }
}
