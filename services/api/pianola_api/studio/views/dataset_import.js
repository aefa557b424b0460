/** Having files fetched into a dataset: from an address, from a bucket, or a well-known set by its recipe. */

import { at, get, post } from "../api.js";
import { announce, h, put, uid } from "../dom.js";
import { plural, size } from "../format.js";
import { Field, clearObjections, showObjections } from "../form.js";
import { optionQuery, optionText, OPTIONS } from "../dataset_options.js";
import { link } from "../router.js";
import { background } from "../widgets.js";

/**
 * @typedef {import("../types.js").Dataset} Dataset
 * @typedef {import("../types.js").Import} Import
 * @typedef {import("../types.js").Recipe} Recipe
 */

const KINDS = /** @type {[string, string][]} */ ([
  ["url", "An address"],
  ["s3", "An S3 bucket"],
  ["recipe", "A well-known set"],
]);

/**
 * @param {string} name
 * @param {string} label
 * @param {string} help
 */
function textField(name, label, help) {
  const control = h("input", { type: "text", autocomplete: "off", spellcheck: "false" });
  return new Field(name, control, { label, help });
}

/**
 * A link that leaves the page.
 * @param {string} href
 * @param {string} text
 */
const outward = (href, text) => h("a", { href, target: "_blank", rel: "noopener noreferrer" }, text);

/**
 * @param {Recipe} recipe
 * @param {Dataset} dataset
 */
function about({ name: recipe, title, about: words, homepage, size: bytes, files, attribution, options }, dataset) {
  const differs = (/** @type {[string, unknown]} */ [name, value]) =>
    JSON.stringify(dataset.options[name]) !== JSON.stringify(value);
  const suited = Object.entries(options).filter(differs);
  return [
    h("p", null, outward(homepage, title), `: ${words}. ${plural(files, "file")}, ${size(bytes)} to fetch.`),
    h("p", { class: "soft small" }, `${attribution}.`),
    suited.length > 0 &&
      h(
        "p",
        { class: "small" },
        "This dataset has other options than suit the set: ",
        suited.map(([name, value]) => `${OPTIONS[name].label.toLowerCase()}: ${optionText(name, value)}`).join("; "),
        ". ",
        h("a", { href: link(["new", "dataset"], { name: recipe, ...optionQuery(options) }) }, "New dataset with these"),
      ),
  ];
}

export class ImportForm {
  /**
   * @param {Dataset} dataset
   * @param {AbortSignal} signal
   * @param {(taker: string) => Promise<void>} onTaken  id of the dataset that takes the files
   */
  constructor(dataset, signal, onTaken) {
    this.dataset = dataset;
    this.signal = signal;
    this.onTaken = onTaken;
    /** @type {Recipe[]} */
    this.recipes = [];
    this.url = textField("url", "Address", "http or https: a zip, a tar or a MIDI file.");
    this.sha256 = textField("sha256", "SHA-256", "64 hexadecimal digits. What comes must have exactly this digest.");
    this.bucket = textField("bucket", "Bucket", "One of those the operator allows.");
    this.prefix = textField("prefix", "Prefix", "Only what begins with it: a folder with its slash. Empty takes all.");
    this.recipe = new Field("recipe", h("select", null), { label: "Set" });
    this.accept = new Field("accept_licence", h("input", { type: "checkbox" }), { label: "I accept the licence" });
    this.about = h("div", { class: "stack" });
    this.licence = h("p", null);
    this.recipe.control.addEventListener("change", () => this.drawRecipe());
    this.trouble = h("div");
    /** @type {Record<string, Field[]>} */
    this.fields = { url: [this.url, this.sha256], s3: [this.bucket, this.prefix], recipe: [this.recipe, this.accept] };
    this.panels = {
      url: h("div", { class: "fields" }, this.url.element, this.sha256.element),
      s3: h("div", { class: "fields" }, this.bucket.element, this.prefix.element),
      recipe: h("div", { class: "stack" }, this.recipe.element, this.about, this.licence, this.accept.element),
    };
    this.accept.element.classList.add("field-check");
    this.submit = h("button", { type: "submit" }, "Fetch");
    this.kind = "url";
    const form = h(
      "form",
      { class: "stack", novalidate: true },
      h("fieldset", null, h("legend", null, "From where"), h("div", { class: "row" }, this.choices())),
      Object.values(this.panels),
      this.trouble,
      h("p", null, this.submit),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.send();
    });
    this.form = form;
    this.choose(this.kind);
  }

  choices() {
    const group = uid("source");
    return KINDS.map(([kind, text]) => {
      const id = `${group}-${kind}`;
      const radio = h("input", { type: "radio", name: group, id, value: kind, checked: kind === this.kind });
      radio.addEventListener("change", () => this.choose(kind));
      return h("span", { class: "check" }, radio, h("label", { for: id }, text));
    });
  }

  /** @param {string} kind */
  choose(kind) {
    this.kind = kind;
    for (const [name, panel] of Object.entries(this.panels)) panel.hidden = name !== kind;
    put(this.trouble);
    if (kind === "recipe" && this.recipes.length === 0) background(this.load(), this.signal, this.trouble);
  }

  async load() {
    this.recipes = (await get("/v1/recipes", this.signal)).items;
    put(
      this.recipe.control,
      this.recipes.map(({ name, title }) => h("option", { value: name }, title)),
    );
    this.drawRecipe();
  }

  drawRecipe() {
    const recipe = this.recipes.find(({ name }) => name === this.recipe.control.value);
    const accept = /** @type {HTMLInputElement} */ (this.accept.control);
    accept.checked = false; // each licence is accepted by itself
    if (!recipe) return;
    put(this.about, about(recipe, this.dataset));
    put(this.licence, "Its licence: ", outward(recipe.licence_url, recipe.licence), ".");
  }

  body() {
    const text = (/** @type {Field} */ field) => field.control.value.trim();
    if (this.kind === "url") return { url: text(this.url), sha256: text(this.sha256).toLowerCase() };
    if (this.kind === "s3") return { bucket: text(this.bucket), prefix: text(this.prefix) };
    const accepted = /** @type {HTMLInputElement} */ (this.accept.control).checked;
    return { recipe: this.recipe.control.value, accept_licence: accepted };
  }

  async send() {
    this.submit.disabled = true;
    const fields = this.fields[this.kind];
    try {
      const path = at("datasets", this.dataset.id, "imports");
      /** @type {Import} */
      const made = await post(path, { kind: this.kind, ...this.body() }, this.signal);
      clearObjections(fields, this.trouble);
      for (const { control } of [this.url, this.sha256, this.bucket, this.prefix]) control.value = "";
      await this.onTaken(made.dataset_id);
      announce("A worker fetches the files");
    } catch (error) {
      if (!this.signal.aborted) showObjections(error, fields, this.trouble);
    } finally {
      this.submit.disabled = false;
    }
  }

  /** @param {string} title */
  fold(title) {
    return h("details", { class: "fold", id: "fetch" }, h("summary", null, title), this.form);
  }
}
