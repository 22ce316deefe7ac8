// What is measured: a text in, a text out.

/** @param {string} name @returns {string} */
export function greet(name) {
  return `Hello, ${name}!`;
}
