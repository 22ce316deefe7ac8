// Types by JSDoc: what the other suite does in TypeScript needs no second one.

/** @typedef {"plain" | "very-loud"} Tone */
/**
 * @typedef {object} Greeting
 * @property {string} text
 * @property {import("wasmarket-guest").u32} timesSaid
 * @property {Tone} tone
 * @property {string[]} [names]
 */

/**
 * @param {Greeting} greeting
 * @param {string} [suffix]
 * @returns {Greeting}
 */
export function repeat(greeting, suffix) {
  return { ...greeting, text: greeting.text + (suffix ?? ""), timesSaid: greeting.timesSaid + 1 };
}
