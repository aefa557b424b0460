/** The small parts every view is made of. */

import { Problem, download, key, send } from "./api.js";
import { announce, h, put, uid } from "./dom.js";
import { ago, moment } from "./format.js";

/** @typedef {import("./dom.js").Child} Child */

const STATES = /** @type {Record<string, [string, string]>} */ ({
  open: ["open for files", "rest"],
  building: ["building", "busy"],
  built: ["built", "good"],
  queued: ["waiting for a worker", "rest"],
  running: ["running", "busy"],
  pausing: ["pausing", "busy"],
  paused: ["paused", "rest"],
  cancelling: ["cancelling", "busy"],
  cancelled: ["cancelled", "rest"],
  succeeded: ["succeeded", "good"],
  failed: ["failed", "bad"],
  accepted: ["accepted", "good"],
  refused: ["refused", "bad"],
});

/** @param {string} state */
export function badge(state) {
  const [text, tone] = STATES[state] ?? [state, "rest"];
  return h("span", { class: `badge badge-${tone}`, data: { state } }, text);
}

export function loading(text = "Loading …") {
  return h(
    "p",
    { class: "loading", role: "status" },
    h("span", { class: "loading-bars", "aria-hidden": "true" }, h("i"), h("i"), h("i"), h("i")),
    text,
  );
}

/**
 * What went wrong, in place.
 * @param {Error} error
 * @param {(() => void)|null} [again]
 */
export function problemBox(error, again = null) {
  const problem = error instanceof Problem ? error : null;
  if (!problem) console.error(error);
  return h(
    "div",
    { class: "problem", role: "alert" },
    h(
      "p",
      null,
      problem?.title && problem.title !== problem.message && h("strong", null, `${problem.title}. `),
      error.message,
    ),
    problem &&
      problem.errors.length > 0 &&
      h(
        "ul",
        null,
        problem.errors.map(({ field, message }) => h("li", null, h("code", null, field), ` ${message}`)),
      ),
    again && h("p", null, button("Try again", again)),
  );
}

/**
 * Let work go on by itself; what fails is shown in `where`, unless the view has been left.
 * @param {Promise<unknown>} work
 * @param {AbortSignal} signal
 * @param {Element} where
 */
export async function background(work, signal, where) {
  try {
    await work;
  } catch (error) {
    if (!signal.aborted) put(where, problemBox(/** @type {Error} */ (error)));
  }
}

/**
 * Where there is nothing yet: what it would be and what to do about it.
 * @param {string} title
 * @param {string} text
 * @param {...Child} actions
 */
export function empty(title, text, ...actions) {
  return h(
    "div",
    { class: "empty" },
    h("img", { src: "/studio/empty.svg", alt: "", width: 96, height: 48 }),
    h("h2", null, title),
    h("p", null, text),
    actions.length > 0 && h("p", { class: "row" }, actions),
  );
}

/**
 * @param {Child} text
 * @param {(event: MouseEvent) => void} onClick
 * @param {Record<string, any>} [props]
 */
export function button(text, onClick, props = {}) {
  return h("button", { type: "button", ...props, on: { click: onClick } }, text);
}

/**
 * A button whose work takes a while: disabled meanwhile, its failure shown in `where`.
 * @param {Child} text
 * @param {() => Promise<void>} work
 * @param {Element} where
 * @param {Record<string, any>} [props]
 */
export function workButton(text, work, where, props = {}) {
  const element = button(
    text,
    async () => {
      element.disabled = true;
      put(where);
      try {
        await work();
      } catch (error) {
        // Who leaves the view ends its requests: that is no failure.
        const left = error instanceof DOMException && error.name === "AbortError";
        if (!left) put(where, problemBox(/** @type {Error} */ (error)));
      } finally {
        element.disabled = false;
      }
    },
    props,
  );
  return element;
}

/**
 * @param {string} text
 * @param {string} path
 * @param {string} filename
 * @param {Element} where  failures are shown here
 * @param {Record<string, any>} [props]
 */
export function downloadButton(text, path, filename, where, props = {}) {
  return workButton(text, () => download(path, filename), where, { class: "quiet", ...props });
}

/** @param {string|null|undefined} iso */
export function time(iso) {
  return iso ? h("time", { datetime: iso, title: moment(iso) }, ago(iso)) : "–";
}

/**
 * A list of facts: name, value.
 * @param {[string, Child][]} pairs
 */
export function facts(pairs) {
  const shown = pairs.filter(([, value]) => value !== null && value !== undefined && value !== false);
  return h(
    "dl",
    { class: "facts" },
    shown.map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, value))),
  );
}

/** A progress bar with words; `set(null)` means: no telling how far. */
export class ProgressBar {
  /** @param {string} label */
  constructor(label) {
    const id = uid("progress");
    this.label = label;
    this.bar = h("progress", { id, max: 1 });
    this.words = h("span", { class: "progress-words" });
    this.element = h("div", { class: "progress" }, h("label", { for: id }, label), this.bar, this.words);
    this.told = -1;
  }

  /**
   * @param {number|null} fraction  0..1
   * @param {string} words
   */
  set(fraction, words) {
    if (fraction === null) this.bar.removeAttribute("value");
    else this.bar.value = Math.max(0, Math.min(1, fraction));
    put(this.words, words);
    const quarter = fraction === null ? -1 : Math.floor(fraction * 4);
    if (quarter > this.told && quarter > 0) announce(`${this.label}: ${Math.round((fraction ?? 0) * 100)} %`);
    this.told = Math.max(this.told, quarter);
  }
}

/**
 * A picture from the api, with words when it cannot be shown.
 * @param {string} path
 * @param {string} alt
 * @param {AbortSignal} signal
 */
export function picture(path, alt, signal) {
  const frame = h("span", { class: "picture-frame" });
  loadPicture(path, alt, signal).then(
    (shown) => put(frame, shown),
    () => !signal.aborted && put(frame, h("span", { class: "soft" }, `${alt}: the picture could not be shown.`)),
  );
  return frame;
}

/**
 * A picture that has arrived, so its place is known. Fails when it does not come.
 * @param {string} path
 * @param {string} alt
 * @param {AbortSignal} signal
 * @returns {Promise<HTMLElement>}
 */
export async function loadPicture(path, alt, signal) {
  if (key()) return draw(path, alt, signal);
  const image = h("img", { class: "picture", alt, src: path });
  await image.decode();
  return image;
}

/**
 * A picture that needs the key has to be fetched; a canvas shows it where the page's policy forbids blob: addresses.
 * @param {string} path
 * @param {string} alt
 * @param {AbortSignal} signal
 */
async function draw(path, alt, signal) {
  const bitmap = await createImageBitmap(await (await send(path, { signal })).blob());
  const canvas = h("canvas", {
    class: "picture",
    role: "img",
    "aria-label": alt,
    width: bitmap.width,
    height: bitmap.height,
  });
  canvas.getContext("bitmaprenderer")?.transferFromImageBitmap(bitmap);
  return canvas;
}

/**
 * A section with a heading that names it.
 * @param {string} title
 * @param {...(Child|Child[])} children
 */
export function section(title, ...children) {
  const id = uid("section");
  return h("section", { "aria-labelledby": id }, h("h2", { id }, title), children.flat());
}

/**
 * What is asked for when somebody opens it, and not in vain.
 * @param {string} title
 * @param {() => Promise<Child>} load
 * @param {{wait: string, open: boolean, signal: AbortSignal}} how  wait: what is said meanwhile
 */
export function unfolding(title, load, { wait, open, signal }) {
  const room = h("div", { class: "unfolding-room" });
  const element = h("details", { class: "unfolding", open }, h("summary", null, title), room);
  const fill = async () => {
    put(room, loading(wait));
    try {
      put(room, await load());
    } catch (error) {
      const refused = error instanceof Problem && error.status === 409;
      if (!signal.aborted) put(room, problemBox(/** @type {Error} */ (error), refused ? null : fill));
    }
  };
  element.addEventListener("toggle", () => element.open && room.childElementCount === 0 && void fill());
  return element;
}
