/** Something like my song: a MIDI file, how far to go from it, and how many variations; or what the model makes of it. */

import { h } from "../dom.js";
import { Field, Slider, choice } from "../form.js";
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

/**
 * @typedef {import("../types.js").Sample} Sample
 * @typedef {({name: string, midi: string}|{sample: string}) & {window: number, windows: number|null}} Song
 */

export class ResemblanceForm {
  /**
   * @param {URLSearchParams} query
   * @param {() => Sample|null} shown  what may be taken instead of a file
   * @param {(song: Song, strength: number, n: number, fresh: boolean) => void} onVary  fresh: of a new seed
   * @param {(song: Song) => void} onRemake
   */
  constructor(query, shown, onVary, onRemake) {
    const given = (/** @type {string} */ name, /** @type {number} */ usual) => Number(query.get(name) ?? usual);
    this.file = h("input", { type: "file", accept: ".mid,.midi,.kar,.smf,.rmi,audio/midi" });
    this.shown = shown;
    this.source = new Field("midi", this.file, { label: "MIDI file" });
    this.of = new Field(
      "sample",
      h("select", null, h("option", { value: "" }, "a MIDI file"), h("option", { value: "shown" }, "the music shown")),
      { label: "Something like" },
    );
    this.of.control.addEventListener("change", () => {
      this.source.element.hidden = this.ofShown;
    });
    this.first = new Field("window", h("input", { type: "number", min: 1, max: 4097, step: 1, value: 1 }), { label: "From window" });
    this.strength = new Slider(
      "strength",
      { min: 0, max: 1, step: 0.05, value: given("strength", USUAL.strength) },
      { label: "How far from it" },
    );
    this.windows = new Field(
      "windows",
      h("input", { type: "number", min: 1, max: 64, step: 1, value: USUAL.windows, placeholder: "all" }),
      { label: "Windows of it" },
    );
    this.count = new Field("count", choice(COUNTS, given("count", USUAL.count)), { label: "How many" });
    this.fields = [this.of, this.source, this.first, this.windows, this.strength, this.count];
    const vary = async (/** @type {boolean} */ fresh) => {
      const song = await this.song();
      if (song) onVary(song, this.strength.number, Number(this.count.control.value), fresh);
    };
    const remake = async () => {
      const song = await this.song();
      if (song) onRemake(song);
    };
    this.element = h(
      "form",
      { class: "toolbar", novalidate: true, "aria-label": "Something like my song" },
      this.fields.map(({ element }) => element),
      h("button", { type: "submit" }, "Variations of this seed"),
      button("New variations", () => void vary(true)),
      button("What the model makes of it", () => void remake()),
    );
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      void vary(false);
    });
  }

  get ofShown() {
    return this.of.control.value === "shown";
  }

  /** @returns {Promise<Song|null>} null where there is nothing that could be sent: the field says so */
  async song() {
    const windows = this.windows.control.value === "" ? null : Number(this.windows.control.value);
    const part = { window: Number(this.first.control.value) - 1, windows };
    if (!this.ofShown) return this.uploaded(part);
    const sample = this.shown();
    this.of.object(sample ? "" : "Nothing is shown yet.");
    return sample && { sample: sample.id, ...part };
  }

  /** @param {{window: number, windows: number|null}} part */
  async uploaded(part) {
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
    return { name: file.name, midi: await encoded(file), ...part };
  }
}
