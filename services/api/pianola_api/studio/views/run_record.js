/** What a run keeps: checkpoints to hear, name or download; its events; its options. */

import { all, at, post } from "../api.js";
import { announce, h, put } from "../dom.js";
import { clock, count, figure, shortDigest, size, words } from "../format.js";
import { Field, showObjections } from "../form.js";
import { link } from "../router.js";
import { table } from "../lists.js";
import { background, button, downloadButton, facts, section } from "../widgets.js";

/**
 * @typedef {import("../types.js").Run} Run
 * @typedef {import("../types.js").RunEvent} RunEvent
 * @typedef {import("../types.js").Checkpoint} Checkpoint
 */

const SHOWN = 6;

/** @param {RunEvent} event */
function detail({ kind, data }) {
  if (kind === "evaluated") {
    const { validation_loss: held, generator_loss: generator } = data.values ?? {};
    return `step ${count(data.step)}${held !== undefined ? `, held out ${figure(held)}` : generator !== undefined ? `, generator ${figure(generator)}` : ""}`;
  }
  return Object.entries(data ?? {})
    .filter(([, value]) => ["string", "number"].includes(typeof value))
    .map(([name, value]) => `${words(name)} ${value}`)
    .join(", ");
}

export class RecordPart {
  /**
   * @param {Run} run
   * @param {AbortSignal} signal
   */
  constructor(run, signal) {
    this.run = run;
    this.path = at("runs", run.id);
    this.signal = signal;
    this.trouble = h("div");
    this.checkpoints = h("div", { class: "stack" });
    this.events = h("ol", { class: "events" });
    this.attempts = h("div", { class: "stack" });
    this.seen = new Set();
    /**
     * By digest, oldest first; kept, so that a name being typed stays.
     * @type {Map<string, HTMLTableRowElement>}
     */
    this.rows = new Map();
    this.allShown = false;
    this.element = h(
      "div",
      { class: "stack" },
      this.attempts,
      section("Checkpoints", this.checkpoints, this.trouble),
      h("details", { class: "fold" }, h("summary", null, "Events"), this.events),
      h(
        "details",
        { class: "fold" },
        h("summary", null, "Options"),
        facts(
          Object.entries(run.options).map(([name, value]) => [words(name), h("code", null, JSON.stringify(value))]),
        ),
      ),
    );
  }

  /** @param {Run} run */
  setRun(run) {
    this.run = run;
    background(this.loadAttempts(), this.signal, this.trouble);
  }

  /** What the workers said, where a run did not end well. */
  async loadAttempts() {
    if (this.run.state !== "failed") return;
    /** @type {import("../types.js").Attempt[]} */
    const attempts = await all(`${this.path}/attempts`, this.signal);
    put(
      this.attempts,
      attempts.map(({ attempt, worker, outcome, log_tail: said }) =>
        h(
          "details",
          { class: "fold" },
          h("summary", null, `Attempt ${attempt} on ${worker}: ${outcome ? words(outcome) : "not ended"}`),
          h("pre", { tabindex: 0 }, said || "It said nothing."),
        ),
      ),
    );
  }

  /** @param {RunEvent} event */
  addEvent(event) {
    if (this.seen.has(event.id)) return;
    this.seen.add(event.id);
    this.events.append(
      h(
        "li",
        null,
        h("time", { datetime: event.created_at }, clock(event.created_at)),
        h("b", null, words(event.kind)),
        h("span", { class: "soft" }, detail(event)),
      ),
    );
  }

  async loadCheckpoints() {
    /** @type {Checkpoint[]} */
    const found = await all(`${this.path}/checkpoints`, this.signal);
    const fresh = found.filter(({ digest }) => !this.rows.has(digest)).sort((a, b) => a.step - b.step);
    for (const checkpoint of fresh) this.rows.set(checkpoint.digest, this.row(checkpoint));
    if (this.rows.size === 0)
      put(this.checkpoints, h("p", { class: "soft" }, "A checkpoint is kept at every evaluation."));
    else if (fresh.length > 0) this.showCheckpoints();
    for (const { digest, best } of found) {
      const tag = /** @type {HTMLElement} */ (this.rows.get(digest)?.querySelector(".best"));
      tag.hidden = !best;
    }
  }

  showCheckpoints() {
    const rows = [...this.rows.values()].reverse();
    const shown = this.allShown ? rows : rows.slice(0, SHOWN);
    const more = button(`Show all ${rows.length}`, () => {
      this.allShown = true;
      this.showCheckpoints();
    });
    put(
      this.checkpoints,
      table("Checkpoints", ["Step", "Epoch", "Digest", "Hear", "Download", "Name"], shown),
      shown.length < rows.length && h("p", null, more),
    );
  }

  /** @param {Checkpoint} checkpoint */
  row({ step, epoch, digest, size: bytes, generator_digest: generator, generator_size: generatorBytes, final }) {
    const stem = `${this.run.family}-${step}`;
    return h(
      "tr",
      null,
      h(
        "th",
        { scope: "row", class: "number" },
        count(step),
        final && h("span", { class: "tag" }, "final"),
        // Which one is best changes as points come in.
        h("span", { class: "tag best", hidden: true }, "best"),
      ),
      h("td", { class: "number" }, count(epoch)),
      h("td", null, h("code", { title: digest }, shortDigest(digest))),
      h("td", null, generator && h("a", { href: link(["models", generator]) }, "Hear")),
      h(
        "td",
        null,
        h(
          "span",
          { class: "row" },
          generator &&
            downloadButton(
              `generator ${size(generatorBytes ?? 0)}`,
              `${this.path}/checkpoints/${encodeURIComponent(generator)}`,
              `${stem}-generator.safetensors`,
              this.trouble,
            ),
          downloadButton(
            `whole ${size(bytes)}`,
            `${this.path}/checkpoints/${encodeURIComponent(digest)}`,
            `${stem}.safetensors`,
            this.trouble,
          ),
        ),
      ),
      h("td", null, generator && this.naming(generator)),
    );
  }

  /** @param {string} checkpoint  the generator's digest */
  naming(checkpoint) {
    const name = new Field(
      "name",
      h("input", { type: "text", autocomplete: "off", spellcheck: "false", size: 14, required: true }),
      { label: "Model name" },
    );
    name.element.classList.add("field-inline");
    const trouble = h("div");
    const form = h(
      "form",
      { class: "row", novalidate: true },
      name.element,
      h("button", { type: "submit", class: "quiet" }, "Name it"),
      trouble,
    );
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      try {
        const model = await post(
          "/v1/models",
          { name: name.control.value.trim(), run: this.run.id, checkpoint },
          this.signal,
        );
        put(trouble, h("a", { href: link(["models", model.name]) }, `Hear ${model.name}`));
        announce(`${model.name} points at this checkpoint`);
      } catch (error) {
        showObjections(error, [name], trouble);
      }
    });
    return h("details", { class: "naming" }, h("summary", null, "Name"), form);
  }
}
