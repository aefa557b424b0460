/** How far a build is: files, windows, speed, time left. */

import { h, put } from "../dom.js";
import { count, duration, plural } from "../format.js";
import { ProgressBar, facts } from "../widgets.js";

/** @typedef {import("../types.js").Dataset} Dataset */

/** @param {Dataset} dataset */
function words({ files, files_done: done }) {
  if (done === 0) return `reading ${plural(files, "file")}`;
  if (done === files) return `all ${plural(files, "file")} read, putting together`;
  return `${count(done)} of ${plural(files, "file")}`;
}

/** Figures keep their places from the first moment on, so nothing moves while they change. */
export class BuildProgress {
  constructor() {
    this.bar = new ProgressBar("Building");
    this.figures = h("div", { class: "live-facts" });
    this.element = h("div", { class: "stack", id: "build-progress" }, this.bar.element, this.figures);
  }

  /** @param {Dataset} dataset */
  update(dataset) {
    const { files, files_done: done, progress } = dataset;
    const speed = progress?.windows_per_second;
    const left = progress?.eta_seconds;
    this.bar.set(done > 0 ? done / files : null, words(dataset));
    put(
      this.figures,
      facts([
        ["Files read", count(done)],
        ["Refused", count(dataset.files_refused)],
        ["Taken over", dataset.version > 1 && count(dataset.files_reused)],
        ["Windows", count(dataset.windows)],
        ["Windows a second", typeof speed === "number" ? count(Math.round(speed)) : "–"],
        ["Time left", typeof left === "number" && done < files ? `about ${duration(left)}` : "–"],
      ]),
    );
  }
}
