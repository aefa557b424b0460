/**
 * Server-Sent Events over fetch. EventSource cannot send a key, so one reader serves with and without.
 *
 * @typedef {{id: string|null, event: string, data: string}} Message
 * @typedef {object} Listening
 * @property {AbortSignal} signal
 * @property {string|number|null} [after]  id of the last event already known
 * @property {(message: Message) => void} onMessage
 * @property {(connected: boolean) => void} [onConnection]
 * @property {(error: Error) => void} [onRefused]  the server said no (4xx); the reader has stopped
 */

import { Problem, send } from "./api.js";

const FIRST_WAIT = 500;
const LONGEST_WAIT = 15_000;
// The server sends a comment every 15 s; three missed ones mean the line is dead although no error came.
const SILENCE = 50_000;

/** Cuts a stream of text into messages, as the HTML standard's event stream interpretation says. */
export class EventStreamParser {
  /** @param {(message: Message) => void} onMessage */
  constructor(onMessage) {
    this.onMessage = onMessage;
    this.rest = "";
    /** @type {string[]} */
    this.data = [];
    this.event = "";
    /** @type {string|null} */
    this.id = null;
  }

  reset() {
    this.data = [];
    this.event = "";
    this.id = null;
  }

  /** @param {string} text  any piece of the stream */
  push(text) {
    const lines = (this.rest + text).split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop() ?? "";
    for (const line of lines) this.line(line);
  }

  /** @param {string} line */
  line(line) {
    if (line === "") {
      const message = { id: this.id, event: this.event || "message", data: this.data.join("\n") };
      const filled = this.data.length > 0;
      this.reset();
      if (filled) this.onMessage(message);
      return;
    }
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") this.data.push(value);
    else if (field === "event") this.event = value;
    else if (field === "id" && !value.includes("\0")) this.id = value;
  }
}

/**
 * @param {number} ms
 * @param {AbortSignal} signal
 */
function rest(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve(null)), { once: true });
  });
}

/**
 * Read one connection until it closes.
 * @param {Response} response
 * @param {EventStreamParser} parser
 * @param {() => void} onBytes
 */
async function drain(response, parser, onBytes) {
  if (!response.body) throw new Error("no body");
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    onBytes();
    parser.push(value);
  }
}

/**
 * Follow a stream: reconnects with backoff and Last-Event-ID until `event: end` or the signal.
 * @param {string} path
 * @param {Listening} listening
 */
export async function follow(path, { signal, after = null, onMessage, onConnection, onRefused }) {
  let last = after === null ? null : String(after);
  let ended = false;
  let wait = FIRST_WAIT;
  while (!signal.aborted && !ended) {
    const connection = new AbortController();
    const stop = () => connection.abort();
    signal.addEventListener("abort", stop);
    let watchdog = setTimeout(stop, SILENCE);
    const heard = () => {
      wait = FIRST_WAIT;
      clearTimeout(watchdog);
      watchdog = setTimeout(stop, SILENCE);
    };
    const parser = new EventStreamParser((message) => {
      if (message.id) last = message.id;
      if (message.event === "end") ended = true;
      try {
        onMessage(message);
      } catch (error) {
        reportError(error); // a fault of the listener is not the connection's
      }
    });
    try {
      /** @type {Record<string, string>} */
      const headers = { Accept: "text/event-stream" };
      if (last !== null) headers["Last-Event-ID"] = last;
      const response = await send(path, { headers, signal: connection.signal, cache: "no-store" });
      onConnection?.(true);
      await drain(response, parser, heard);
    } catch (error) {
      if (
        !signal.aborted &&
        error instanceof Problem &&
        error.status >= 400 &&
        error.status < 500 &&
        error.status !== 429
      ) {
        onRefused?.(error);
        return;
      }
    } finally {
      clearTimeout(watchdog);
      signal.removeEventListener("abort", stop);
      connection.abort();
    }
    if (signal.aborted || ended) break;
    onConnection?.(false);
    await rest(wait * (0.75 + Math.random() / 2), signal);
    wait = Math.min(wait * 2, LONGEST_WAIT);
  }
}
