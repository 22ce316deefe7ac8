// What others can call: every function that this module exports, with types by JSDoc.

/**
 * @typedef {object} Greeting
 * @property {string} text
 * @property {import("wasmarket-guest").u32} length
 */

/**
 * @param {string} name
 * @returns {Greeting}
 */
export function greet(name) {
  const text = `Hello, ${name}!`;
  return { text, length: text.length };
}

/**
 * @param {number} a
 * @param {number} b
 * @returns {import("wasmarket-guest").Result<number>}
 */
export function divide(a, b) {
  if (b === 0) throw new Error("division by zero");
  return a / b;
}
