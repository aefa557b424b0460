/** One model: windows it draws, to see, hear and take away. The seed is part of the address: the same link, the same music. */

import { at, download, get, post } from "../api.js";
import { announce, h, put } from "../dom.js";
import { shortDigest } from "../format.js";
import { Field, Slider, choice, clearObjections, showObjections } from "../form.js";
import { Player } from "../player.js";
import { STEPS, rangeOf } from "../roll.js";
import { amend, link } from "../router.js";
import { button, loading, problemBox, workButton } from "../widgets.js";
import { aboutModel } from "./model_about.js";
import { moved } from "./model_attributes.js";
import { PieceForm } from "./model_pieces.js";
import { mapOf } from "./model_map.js";
import { Playing } from "./model_playing.js";
import { ResemblanceForm } from "./model_resemblance.js";
import {
  FIRST_SIZE,
  likeSong,
  pieceOf,
  placeAt,
  placeOf,
  remakeOf,
  wayBetween,
  windowsOf,
  wishOf,
} from "./model_wishes.js";
import { MusicCard, musicOf } from "./music_card.js";

/**
 * @typedef {import("../types.js").Model} Model
 * @typedef {import("../types.js").Sample} Sample
 * @typedef {import("./model_wishes.js").Wish} Wish
 */

const SIZES = [4, 8, 12, 16, 32];
const DIGEST = /^(sha256:)?[0-9a-f]{64}$/;
const TEMPO = { lowest: 40, usual: 120, highest: 220 };

/** @param {Field} field  with a number, or with nothing */
const chosen = ({ control: { value } }) => (value === "" ? null : Number(value));

class Stage {
  /**
   * @param {string} name  model or checkpoint digest
   * @param {Model|null} model
   * @param {URLSearchParams} query
   * @param {AbortSignal} signal
   */
  constructor(name, model, query, signal) {
    this.name = name;
    this.condition = model?.condition ?? null;
    this.signal = signal;
    this.player = new Player();
    signal.addEventListener("abort", () => this.player.stop());
    /** @type {Sample|null} */
    this.sample = null;
    this.drawn = new AbortController();
    /** @type {MusicCard[]} */
    this.cards = [];
    /** @type {Wish|null} what was asked for last: an answer to what came before is too late */
    this.asked = null;
    /** @type {Wish} what is shown, or is to be shown first */
    this.wish = wishOf(query);
    const size = Number(query.get("n")) || FIRST_SIZE;
    const sizes = [...new Set([...SIZES, size])].sort((a, b) => a - b);
    this.size = new Field("n", choice(sizes, size), { label: "Windows" });
    this.seed = new Field(
      "seed",
      h("input", { type: "number", min: 0, step: 1, value: query.get("seed"), placeholder: "any" }),
      { label: "Seed" },
    );
    const tempo = Number(query.get("tempo") ?? TEMPO.usual);
    this.tempo = new Slider(
      "tempo",
      { min: TEMPO.lowest, max: TEMPO.highest, step: 1, value: tempo },
      { label: "Tempo" },
    );
    this.goal = new Field(
      "to",
      h("input", { type: "number", min: 0, step: 1, value: query.get("to"), placeholder: "any" }),
      { label: "To seed" },
    );
    this.playing = new Playing(name, this.condition, query, () => void this.draw(this.wish), signal);
    this.pieces = new PieceForm(query, (beats, drift, fresh) => {
      void this.draw(pieceOf(fresh ? null : chosen(this.seed), beats, drift));
    });
    this.resemblance = new ResemblanceForm(
      query,
      () => this.sample,
      (song, strength, n, fresh) => void this.draw(likeSong(fresh ? null : chosen(this.seed), song, strength, n)),
      (song) => void this.draw(remakeOf(song)),
    );
    this.map = mapOf(name, placeOf(query), (x, y) => void this.hear(placeAt(x, y)), signal);
    this.also = [...this.pieces.fields, ...this.resemblance.fields, ...this.playing.fields];
    this.trouble = h("div");
    this.grid = h("div", { class: "windows" });
    this.about = h("p", { class: "soft", id: "sample-about" });
    this.tempo.control.addEventListener("input", () => this.setTempo());
    this.tempo.control.addEventListener("change", () => this.remember());
    this.size.control.addEventListener("change", () => {
      const { seed, to } = this.wish.query;
      const n = this.windows;
      void this.draw(to === undefined ? windowsOf(seed ?? null, n) : wayBetween(seed ?? null, to, n));
    });
    this.setTempo();
  }

  setTempo(tempo = this.tempo.number) {
    this.tempo.number = tempo;
    this.player.setTempo(tempo);
    this.tempo.control.setAttribute("aria-valuetext", `${tempo} quarter notes a minute`);
  }

  /** @returns {number} how many are to be drawn */
  get windows() {
    return Number(this.size.control.value);
  }

  remember() {
    if (!this.sample) return;
    const tempo = this.player.tempo === TEMPO.usual ? null : this.player.tempo;
    amend(link(["models", this.name], { ...this.wish.query, like: this.wish.kept, tempo, ...this.playing.query() }));
  }

  /**
   * @param {string} model  name or digest
   * @param {Wish} wish
   * @returns {Promise<Sample>}
   */
  ask(model, { kind, body }) {
    const how = { tempo: this.player.tempo, ...this.playing.asked() };
    return post(at("models", model, kind), { ...body(this.sample), ...how }, this.signal);
  }

  /** @param {Wish} wish */
  async draw(wish) {
    const kept = this.sample === null ? wish.kept : undefined;
    this.player.stop();
    this.asked = wish;
    const fields = [this.size, this.seed, this.goal, this.tempo, ...this.also];
    clearObjections(fields, this.trouble);
    this.grid.setAttribute("aria-busy", "true");
    if (this.cards.length === 0) put(this.grid, loading("The model is playing …"));
    try {
      const sample = await (kept ? get(at("samples", kept), this.signal) : this.ask(this.name, wish));
      if (this.asked !== wish) return;
      this.sample = sample;
      this.wish = wish;
      if (wish.ofSong) wish.kept = sample.id;
      if (kept) this.setTempo(sample.options.tempo);
    } catch (error) {
      if (this.signal.aborted || this.asked !== wish) return;
      if (this.cards.length === 0) put(this.grid);
      showObjections(error, fields, this.trouble);
      return;
    } finally {
      this.grid.removeAttribute("aria-busy");
    }
    this.show(/** @type {Sample} */ (this.sample));
  }

  /** @param {Wish} wish  that is played as soon as it is there */
  async hear(wish) {
    await this.draw(wish);
    if (this.wish === wish) this.playAll();
  }

  /** @param {Sample} sample */
  show(sample) {
    this.drawn.abort();
    this.drawn = new AbortController();
    const signal = AbortSignal.any([this.signal, this.drawn.signal]);
    const music = musicOf(sample);
    const range = rangeOf(music.flatMap(({ notes }) => notes));
    this.cards = music.map((one, i) => new MusicCard(one, range, this, () => this.playFrom(i + 1), signal));
    this.grid.classList.toggle("windows-long", music.length === 1 || music[0].steps > STEPS);
    put(
      this.grid,
      this.cards.map(({ element }) => element),
    );
    const { seed, to } = this.wish.query;
    this.seed.control.value = String(seed ?? "");
    this.goal.control.value = String(to ?? "");
    this.playing.told(sample);
    put(
      this.about,
      this.wish.words(sample),
      sample.options.label && `, ${this.condition?.field} ${sample.options.label}`,
      ...moved(sample.options.attributes),
      `. ${this.wish.remark}`,
    );
    announce(this.about.textContent ?? "");
    this.remember();
  }

  /**
   * Play one window after another, from number `i` to the last.
   * @param {number} i
   */
  playFrom(i) {
    if (!this.playingAll) return;
    const next = this.cards.slice(i).find(({ silent }) => !silent);
    if (next) next.play(0);
    else this.playingAll = false;
  }

  playAll() {
    this.playingAll = true;
    this.playFrom(0);
  }

  stop() {
    this.playingAll = false;
    this.player.stop();
  }

  /**
   * Download in another form, at the tempo that is heard.
   * @param {"midi"|"wav"|"musicxml"|"png"|"zip"} format
   * @param {string} ending
   * @param {number|null} window
   */
  async take(format, ending, window = null) {
    if (!this.sample) return;
    if (format !== "png" && this.sample.options.tempo !== this.player.tempo) {
      // A sample keeps its tempo for ever; the same request and checkpoint make the same music at another one.
      this.sample = await this.ask(this.sample.checkpoint, this.wish);
    }
    const { id, n } = this.sample;
    const query = new URLSearchParams({ format, ...(window !== null && n > 1 && { window: String(window) }) });
    const number = window === null ? "" : `-${String(window + 1).padStart(3, "0")}`;
    await download(`${at("samples", id)}?${query}`, `${this.name.slice(0, 24)}-${this.wish.stem}${number}.${ending}`);
  }

  tools() {
    const submit = h("button", { type: "submit", class: "quiet" }, "Draw this seed");
    const form = h("form", { class: "toolbar-form", novalidate: true }, this.seed.element, submit);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.draw(windowsOf(chosen(this.seed), this.windows));
    });
    const go = h("button", { type: "submit", class: "quiet" }, "Draw the way");
    const way = h("form", { class: "toolbar-form", novalidate: true }, this.goal.element, go);
    way.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.draw(wayBetween(chosen(this.seed), chosen(this.goal), this.windows));
    });
    const fresh = () => this.draw(windowsOf(null, this.windows));
    return h(
      "div",
      { class: "toolbar", role: "group", "aria-label": "Windows" },
      workButton("New windows", fresh, this.trouble, { class: "main", id: "new-windows" }),
      button("Play all", () => this.playAll(), { id: "play-all" }),
      button("Stop", () => this.stop(), { id: "stop" }),
      this.tempo.element,
      this.size.element,
      form,
      way,
      workButton("All as zip", () => this.take("zip", "zip"), this.trouble, { class: "quiet" }),
    );
  }
}

/** @type {import("../types.js").View} */
export async function modelView({ root, params, query, signal }) {
  const name = params[0];
  /** @type {Model|null} */
  let model = null;
  // A checkpoint can be heard by its digest without having a name.
  if (!DIGEST.test(name)) model = await get(at("models", name), signal);
  const stage = new Stage(name, model, query, signal);
  put(
    root,
    h("p", { class: "crumbs" }, h("a", { href: "#/models" }, "Models")),
    h("h1", { tabindex: -1 }, model ? model.name : `Checkpoint ${shortDigest(name)}`),
    aboutModel(model),
    stage.tools(),
    stage.playing.toolbar,
    // A GAN places no windows, so that no directions were found for it.
    model?.family !== "gan" && stage.playing.attributes.element,
    stage.pieces.element,
    stage.resemblance.element,
    stage.map,
    stage.trouble,
    stage.about,
    stage.grid,
  );
  void stage.draw(stage.wish).catch((error) => put(stage.trouble, problemBox(error)));
}
