/** Starts the studio: routes, the key dialogue, and the hook that tests listen through. */

import { key, keys, setKey } from "./api.js";
import { announce } from "./dom.js";
import { synth } from "./player.js";
import { startRouter } from "./router.js";
import { datasetView } from "./views/dataset.js";
import { newDatasetView } from "./views/dataset_new.js";
import { datasetsView } from "./views/datasets.js";
import { homeView } from "./views/home.js";
import { modelView } from "./views/model.js";
import { modelsView } from "./views/models.js";
import { runView } from "./views/run.js";
import { newRunView } from "./views/run_new.js";
import { runsView } from "./views/runs.js";

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @returns {T}
 */
const byId = (id) => /** @type {T} */ (document.getElementById(id));

const router = startRouter(byId("main"), [
  { pattern: /^\/$/, title: "Studio", section: "", view: homeView },
  { pattern: /^\/datasets$/, title: "Datasets", section: "datasets", view: datasetsView },
  { pattern: /^\/new\/dataset$/, title: "New dataset", section: "datasets", view: newDatasetView },
  { pattern: /^\/datasets\/([^/]+)$/, title: "Dataset", section: "datasets", view: datasetView },
  { pattern: /^\/runs$/, title: "Runs", section: "runs", view: runsView },
  { pattern: /^\/new\/run$/, title: "New run", section: "runs", view: newRunView },
  { pattern: /^\/runs\/([^/]+)$/, title: "Run", section: "runs", view: runView },
  { pattern: /^\/models$/, title: "Models", section: "models", view: modelsView },
  { pattern: /^\/models\/([^/]+)$/, title: "Model", section: "models", view: modelView },
]);

/** @type {HTMLDialogElement} */
const dialog = byId("key-dialog");
/** @type {HTMLInputElement} */
const input = byId("key-input");

keys.addEventListener("needed", () => {
  if (dialog.open) return;
  input.value = "";
  dialog.showModal();
});
keys.addEventListener("changed", () => {
  byId("forget-key").hidden = !key();
  void router.refresh();
});
byId("key-form").addEventListener("submit", () => {
  setKey(input.value.trim());
  announce("Key entered");
});
byId("key-later").addEventListener("click", () => dialog.close());
byId("forget-key").addEventListener("click", () => setKey(""));
byId("forget-key").hidden = !key();

document.querySelector(".skip")?.addEventListener("click", (event) => {
  // "#main" is no place in the page, so the link only moves the focus.
  event.preventDefault();
  byId("main").focus();
});

Object.assign(window, { pianola: { peak: () => synth.peak() } });
