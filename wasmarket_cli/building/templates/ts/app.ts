// What others can call: every function that this module exports.
import type { Result, u32 } from "wasmarket-guest";

interface Greeting {
  text: string;
  length: u32;
}

export function greet(name: string): Greeting {
  const text = `Hello, ${name}!`;
  return { text, length: text.length };
}

export function divide(a: number, b: number): Result<number> {
  if (b === 0) throw new Error("division by zero");
  return a / b;
}
