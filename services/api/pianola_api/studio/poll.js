/** Looking again, where nothing tells of changes. */

import { Problem } from "./api.js";

/**
 * Call again and again until the view is left; rests while the page is hidden.
 * @param {number} ms
 * @param {AbortSignal} signal
 * @param {() => Promise<boolean>} work  false: no need to go on
 */
export async function every(ms, signal, work) {
  while (!signal.aborted) {
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      signal.addEventListener("abort", () => (clearTimeout(timer), resolve(null)), { once: true });
    });
    if (signal.aborted) return;
    if (document.hidden) continue;
    try {
      if (!(await work())) return;
    } catch (error) {
      // A missed look is made good by the next one; only a refusal ends the watch.
      if (error instanceof Problem && error.status >= 400 && error.status < 500) return;
      if (!(error instanceof Problem) && !signal.aborted) throw error;
    }
  }
}
