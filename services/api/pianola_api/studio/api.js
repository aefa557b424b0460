/**
 * Talking to the api: JSON, problem details, idempotent POSTs, keys, downloads.
 * @typedef {{field: string, message: string}} FieldError
 */

const KEY = "pianola.key";
const ATTEMPTS = 3;

/** What went wrong, in the server's words (RFC 9457) or ours when the server could not be reached. */
export class Problem extends Error {
  /**
   * @param {number} status  0 when there was no answer
   * @param {{title?: string, detail?: string, code?: string, errors?: FieldError[]}} body
   */
  constructor(status, body) {
    super(body.detail || body.title || `The server answered ${status}.`);
    this.name = "Problem";
    this.status = status;
    this.title = body.title ?? "";
    this.code = body.code ?? "";
    /** @type {FieldError[]} */
    this.errors = Array.isArray(body.errors) ? body.errors : [];
  }
}

/** Sends "needed" when the server asks for a key, "changed" when one was entered or forgotten. */
export const keys = new EventTarget();

/** @returns {string} the key of this tab, or "" */
export function key() {
  return sessionStorage.getItem(KEY) ?? "";
}

/** @param {string} value  "" forgets the key */
export function setKey(value) {
  if (value) sessionStorage.setItem(KEY, value);
  else sessionStorage.removeItem(KEY);
  keys.dispatchEvent(new Event("changed"));
}

/** A fresh Idempotency-Key. crypto.randomUUID exists only on https and localhost. */
function freshId() {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {number} ms */
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * The Problem a refused response carries.
 * @param {Response} response
 * @returns {Promise<Problem>}
 */
export async function problemOf(response) {
  if (response.status === 401) keys.dispatchEvent(new Event("needed"));
  const type = response.headers.get("Content-Type") ?? "";
  if (type.includes("json")) {
    const body = await response.json().catch(() => null);
    if (body && typeof body === "object") return new Problem(response.status, body);
  }
  return new Problem(response.status, { title: response.statusText });
}

/**
 * One request with the key of this tab. Network failures become a Problem with status 0.
 * @param {string} path
 * @param {RequestInit} [init]
 * @returns {Promise<Response>}  only when ok
 */
export async function send(path, init = {}) {
  const headers = new Headers(init.headers);
  if (key()) headers.set("Authorization", `Bearer ${key()}`);
  let response;
  try {
    response = await fetch(path, { ...init, headers });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new Problem(0, { title: "No answer", detail: "The server cannot be reached. Is Pianola still running?" });
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

/**
 * @param {string} path
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export async function get(path, signal) {
  const response = await send(path, { signal, headers: { Accept: "application/json" } });
  return response.json();
}

/**
 * POST JSON or a form. The same Idempotency-Key goes with every retry, so a lost answer does no harm.
 * @param {string} path
 * @param {FormData|object|null} [body]
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export async function post(path, body, signal) {
  const headers = new Headers({ Accept: "application/json", "Idempotency-Key": freshId() });
  const form = body instanceof FormData;
  if (body && !form) headers.set("Content-Type", "application/json");
  const init = { method: "POST", headers, signal, body: form ? body : body ? JSON.stringify(body) : null };
  for (let attempt = 1; ; attempt += 1) {
    try {
      const response = await send(path, init);
      return response.status === 204 ? null : await response.json();
    } catch (error) {
      const passing = error instanceof Problem && [0, 502, 503, 504].includes(error.status);
      if (!passing || attempt === ATTEMPTS) throw error;
      await pause(400 * attempt);
    }
  }
}

/**
 * PUT text.
 * @param {string} path
 * @param {string} text
 * @param {string} type  its media type
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export async function putText(path, text, type, signal) {
  const headers = { Accept: "application/json", "Content-Type": type };
  const response = await send(path, { method: "PUT", headers, body: text, signal });
  return response.json();
}

/**
 * Every item of a list that is known to be short enough to hold.
 * @param {string} path
 * @param {AbortSignal} [signal]
 * @param {number} [most]
 * @returns {Promise<any[]>}
 */
export async function all(path, signal, most = 5000) {
  /** @type {any[]} */
  const items = [];
  /** @type {string|null} */
  let cursor = null;
  do {
    /** @type {string} */
    const query = `limit=200${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`;
    /** @type {{items: any[], next_cursor: string|null}} */
    const page = await get(`${path}${path.includes("?") ? "&" : "?"}${query}`, signal);
    items.push(...page.items);
    cursor = page.next_cursor ?? null;
  } while (cursor && items.length < most);
  return items;
}

/**
 * Save what `path` answers as a file. Fetched, so that the key goes along.
 * @param {string} path
 * @param {string} filename
 */
export async function download(path, filename) {
  const response = await send(path);
  const url = URL.createObjectURL(await response.blob());
  const link = document.createElement("a");
  link.href = url;
  link.download = filename;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/**
 * An address from parts that may hold any character.
 * @param {...string} parts
 */
export function at(...parts) {
  return `/v1/${parts.map((part) => encodeURIComponent(part)).join("/")}`;
}
