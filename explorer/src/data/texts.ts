/** How numbers, times, places and names are written. */

import regionsText from "../../../wasmarket/kernel/regions.csv";
import traitsText from "../../../wasmarket/kernel/traits.csv";
import { getSettings } from "./settings";

/** `end` of a deal that runs until it is stopped. */
export const NO_END = 2 ** 32 - 1;
export const ZERO_ADDRESS = "0x0000000000000000000000000000000000000000";

interface Region {
  code: string;
  name: string;
}

const REGIONS: Region[] = regionsText
  .trim()
  .split("\n")
  .slice(1)
  .map((line) => {
    const [, code = "", ...name] = line.split(",");
    return { code, name: name.join(",").replaceAll('"', "") };
  });

const TRAITS = traitsText
  .trim()
  .split("\n")
  .slice(1)
  .map((line) => {
    const [bit = "", name = "", kind = "", ...meaning] = line.split(",");
    return { bit: Number(bit), name, kind, meaning: meaning.join(",").replaceAll('"', "") };
  });

export function regionCode(index: number): string {
  return REGIONS[index]?.code ?? `region ${index}`;
}

export function regionName(index: number): string {
  return REGIONS[index]?.name ?? `region ${index}`;
}

export function regionIndex(code: string): number | null {
  const index = REGIONS.findIndex((region) => region.code === code);
  return index < 0 ? null : index;
}

/** Traits by name as one number; null where one is not known. */
export function traitMask(names: string[]): bigint | null {
  const found = names.map((name) => TRAITS.find((trait) => trait.name === name));
  if (found.includes(undefined)) return null;
  return found.reduce((mask, trait) => mask | (1n << BigInt(trait?.bit ?? 0)), 0n);
}

export function regionsOf(mask: bigint): string[] {
  return REGIONS.flatMap((region, index) => ((mask >> BigInt(index)) & 1n ? [region.code] : []));
}

export function traitsOf(mask: bigint) {
  return TRAITS.filter((trait) => (mask >> BigInt(trait.bit)) & 1n);
}

/** The beginning and end of a long name; nothing that a stranger chose becomes markup anywhere. */
export function shorten(text: string, length = 6): string {
  return text.length > 2 * length + 4 ? `${text.slice(0, length + 2)}…${text.slice(-length + 2)}` : text;
}

const SHORT: Intl.DateTimeFormatOptions = { month: "short", day: "numeric", hour: "numeric", minute: "2-digit" };
const TIME = new Intl.DateTimeFormat(undefined, SHORT);
const TIME_OF_ANOTHER_YEAR = new Intl.DateTimeFormat(undefined, { ...SHORT, year: "numeric" });
const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
/** Dates that a browser can write end here. */
const LAST_SECOND = 8_640_000_000_000;

export function formatTime(seconds: number): string {
  if (seconds >= LAST_SECOND) return "never";
  const date = new Date(seconds * 1000);
  return (date.getFullYear() === new Date().getFullYear() ? TIME : TIME_OF_ANOTHER_YEAR).format(date);
}

export function formatClock(seconds: number): string {
  return CLOCK.format(seconds * 1000);
}

const SPANS: [number, string][] = [
  [31_557_600, "year"],
  [86_400, "day"],
  [3600, "hour"],
  [60, "minute"],
  [1, "second"],
];

/** A length of time in its two largest units that matter. */
export function formatSpan(seconds: number): string {
  const words: string[] = [];
  let rest = Math.max(0, Math.floor(seconds));
  for (const [size, name] of SPANS) {
    const count = Math.floor(rest / size);
    if (count > 0 && words.length < 2) words.push(`${count.toLocaleString("en")} ${name}${count > 1 ? "s" : ""}`);
    else if (words.length > 0) break;
    rest -= count * size;
  }
  return words.join(" ") || "0 seconds";
}

/** First second of an epoch. */
export function startOf(epoch: number): number {
  return epoch * getSettings().epochSeconds;
}

/** The epoch that a second is in. */
export function epochOf(seconds: number): number {
  return Math.floor(seconds / getSettings().epochSeconds);
}

export function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1).replaceAll("_", " ");
}

export function pluralOf(count: number, noun: string): string {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}

const BASE32 = "abcdefghijklmnopqrstuvwxyz234567";

/** The CID of a manifest: base32 of `01 55 12 20` and its digest. */
export function cidOf(digest: string): string {
  const hex = `01551220${digest.slice(2)}`;
  let bits = hex.replace(/./g, (digit) => Number.parseInt(digit, 16).toString(2).padStart(4, "0"));
  bits = bits.padEnd(Math.ceil(bits.length / 5) * 5, "0");
  return `b${bits.replace(/.{5}/g, (five) => BASE32[Number.parseInt(five, 2)] ?? "")}`;
}

/** The digest in a CID of one raw block; null if it is none. */
export function digestOf(cid: string): string | null {
  const text = cid.toLowerCase();
  if (!/^b[a-z2-7]{58}$/.test(text)) return null;
  const bits = [...text.slice(1)].map((c) => BASE32.indexOf(c).toString(2).padStart(5, "0")).join("");
  const hex = (bits.match(/.{4}/g) ?? []).map((four) => Number.parseInt(four, 2).toString(16)).join("");
  return hex.startsWith("01551220") ? `0x${hex.slice(8, 72)}` : null;
}
