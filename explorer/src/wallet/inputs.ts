/** What was typed into an action's form, read with suspicion. Throws Impossible. */

import { parseUnits, USDC_DECIMALS } from "../data/amounts";
import { Impossible } from "./plans";

export function readUsdc(text: string): bigint {
  const amount = parseUnits(text, USDC_DECIMALS);
  if (amount === null || amount === 0n) throw new Impossible("give an amount of USDC such as 2.5, with at most six decimals");
  return amount;
}

export function readWhole(text: string, what: string, least: number, most: number): number {
  const value = /^\d{1,10}$/.test(text.trim()) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most)) throw new Impossible(`${what} is a whole number from ${least} to ${most}`);
  return value;
}
