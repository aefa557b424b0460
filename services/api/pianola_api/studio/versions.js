/**
 * Versions of a dataset, as addresses and people name them. The bare name means the newest.
 * @typedef {{name: string, version: number}} Named
 */

/** @param {Named} dataset */
export const reference = ({ name, version }) => `${name}@${version}`;

/** @param {Named} dataset */
export const inWords = ({ name, version }) => (version > 1 ? `${name}, version ${version}` : name);
