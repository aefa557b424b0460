/**
 * What is to be said once, where a dataset is shown next: by dataset id.
 * @type {Map<string, HTMLElement>}
 */
const notes = new Map();

/**
 * @param {string} dataset  id
 * @param {HTMLElement} note
 */
export function leaveNote(dataset, note) {
  notes.set(dataset, note);
}

/**
 * @param {string} dataset  id
 * @returns {HTMLElement|null}
 */
export function takeNote(dataset) {
  const note = notes.get(dataset) ?? null;
  notes.delete(dataset);
  return note;
}
