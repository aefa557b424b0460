/** Note frequency as bars over the keyboard: generated up, dataset down. */

import { h, s } from "./dom.js";
import { percent, pitchName } from "./format.js";

const WIDTH = 960;
const HALF = 96;
const AXIS = 30;
const SHARP_LENGTH = 0.58; // of a white key; the names stand below
const SHARP = new Set([1, 3, 6, 8, 10]);

/**
 * @param {number[]} generated  128 shares of lit steps, by MIDI pitch
 * @param {number[]} data  the same for the dataset
 */
export function pitchBars(generated, data) {
  const used = generated
    .map((value, pitch) => (value + (data[pitch] ?? 0) > 0 ? pitch : -1))
    .filter((pitch) => pitch >= 0);
  if (used.length === 0) return null;
  const low = Math.floor(used[0] / 12) * 12;
  const high = Math.ceil((used[used.length - 1] + 1) / 12) * 12;
  const most = Math.max(...generated, ...data);
  const slot = WIDTH / (high - low);
  const svg = s("svg", {
    class: "pitch-bars",
    viewBox: `0 0 ${WIDTH} ${2 * HALF + AXIS}`,
    role: "img",
    "aria-label": "Share of lit steps by pitch: generated above, dataset below",
  });
  for (let pitch = low; pitch < high; pitch += 1) {
    const x = (pitch - low) * slot;
    const up = (HALF * (generated[pitch] ?? 0)) / most;
    const down = (HALF * (data[pitch] ?? 0)) / most;
    svg.append(
      s("rect", { class: "key", x: x + 0.5, y: HALF, width: slot - 1, height: AXIS }),
      SHARP.has(pitch % 12)
        ? s("rect", { class: "key-sharp", x: x + 0.5, y: HALF, width: slot - 1, height: AXIS * SHARP_LENGTH })
        : "",
      s("rect", { class: "bar-generated", x: x + 1, y: HALF - up, width: Math.max(1, slot - 2), height: up }),
      s("rect", { class: "bar-data", x: x + 1, y: HALF + AXIS, width: Math.max(1, slot - 2), height: down }),
      s(
        "rect",
        { class: "bar-catch", x, y: 0, width: slot, height: 2 * HALF + AXIS },
        s(
          "title",
          null,
          `${pitchName(pitch)}: generated ${percent(generated[pitch] ?? 0)}, dataset ${percent(data[pitch] ?? 0)}`,
        ),
      ),
    );
    if (pitch % 12 === 0) svg.append(s("text", { x: x + 3, y: HALF + AXIS - 3 }, pitchName(pitch)));
  }
  return h(
    "figure",
    { class: "chart" },
    h(
      "figcaption",
      null,
      h("strong", null, "Note frequency"),
      h("span", { class: "soft" }, "share of lit steps by pitch"),
    ),
    svg,
    h(
      "ul",
      { class: "legend legend-solid" },
      h("li", { class: "tone-one" }, h("span", { class: "swatch" }), "generated, upwards"),
      h("li", { class: "tone-two" }, h("span", { class: "swatch" }), "dataset, downwards"),
    ),
  );
}
