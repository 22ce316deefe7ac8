// What could differ from processor to processor in QuickJS: numbers and their text, order, text,
// numbers without end, chance, and a mistake.

/**
 * @param {number[]} numbers
 * @returns {string}
 */
export function reckon(numbers) {
  const all = ["sin", "cos", "tan", "exp", "log", "cbrt", "fround", "tanh", "round"];
  const each = numbers.map((n) => all.map((name) => Math[name](n)));
  const sums = numbers.map((_, at) => numbers.slice(0, at + 1).reduce((sum, n) => sum / 3 + n, 0));
  const shifts = numbers.map((n) => [n | 0, n >>> 3, ~~(n * 1e9), n % 7, n ** 0.5]);
  return JSON.stringify([each, sums, shifts, 0 / 0, numbers.map((n) => n.toFixed(3))]);
}

/**
 * @param {string} text
 * @returns {string[]}
 */
export function count(text) {
  const found = new Map();
  for (const word of text.toUpperCase().match(/[\p{L}']+/gu) ?? []) {
    found.set(word, (found.get(word) ?? 0) + 1);
  }
  const sorted = [...found].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  return sorted.map(([word, times]) => `${word.normalize("NFD")} ${times}`);
}

/**
 * @param {number} digits
 * @returns {string}
 */
export function squares(digits) {
  return String(3n ** BigInt(digits) % 10n ** 40n);
}

/** @returns {string} */
export function chance() {
  return JSON.stringify([Math.random(), Math.random(), new Date(0).toISOString()]);
}

/** @returns {string} */
export function mistake() {
  return null.nothing;
}
