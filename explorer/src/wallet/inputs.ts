/** What was typed into an action's form, read with suspicion. Throws Impossible. */

import { FLT_DECIMALS, parseUnits, USDC_DECIMALS } from "../data/amounts";
import { regionIndex, traitMask } from "../data/texts";
import { Impossible } from "./plans";

/** Bytes of an endpoint that the contract keeps. */
const MAX_ENDPOINT = 128;

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

export function readFlt(text: string): bigint {
  const amount = parseUnits(text, FLT_DECIMALS);
  if (amount === null || amount === 0n) throw new Impossible("give an amount of FLT such as 100 or 2.5");
  return amount;
}

export function readKey(text: string): string {
  const key = text.trim().toLowerCase();
  if (!/^0x[0-9a-f]{64}$/.test(key)) throw new Impossible("the key is 0x and 64 hex digits, as `wasmarket peer init` prints it");
  return key;
}

export function readAddress(text: string, what: string): string {
  const address = text.trim();
  if (!/^0x[0-9a-fA-F]{40}$/.test(address)) throw new Impossible(`${what} is an address: 0x and 40 hex digits`);
  return address;
}

export function readRegion(text: string): number {
  const index = regionIndex(text.trim().toUpperCase());
  if (index === null) throw new Impossible("the country is a code of two letters, such as DE");
  return index;
}

export function readTraits(text: string): bigint {
  const names = text.split(",").map((name) => name.trim()).filter((name) => name !== "");
  const mask = traitMask(names);
  if (mask === null) throw new Impossible("traits are names such as http, kv or nvme, with commas between");
  return mask;
}

/** The one spelling of a peer's URL. */
export function readEndpoint(text: string): string {
  const given = text.trim();
  const url = URL.canParse(given) ? new URL(given) : null;
  const isPlain = /^https?:\/\/[!-~]+$/.test(given) && !/[@?#]/.test(given);
  const spelled = url === null ? "" : `${url.protocol}//${url.host}${url.pathname.replace(/\/+$/, "")}`;
  if (!isPlain || spelled.length > MAX_ENDPOINT || spelled === "") {
    throw new Impossible("the endpoint is a URL such as https://peer.example:8610, without a query");
  }
  return spelled;
}
