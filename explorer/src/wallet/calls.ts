/** Calls of the contracts as bytes, and what comes back. */

import { addressWord, concatBytes, fromHex, keccak, readWord, toHex, utf8ToBytes, word } from "../chain/bytes";

export type Argument = bigint | number | string | bigint[] | { text: string };

/** Encode a call: whole numbers, addresses, 32-byte hashes, lists of whole numbers, and texts. */
export function encodeCall(signature: string, args: Argument[] = []): string {
  const heads: Uint8Array[] = [];
  const tails: Uint8Array[] = [];
  let offset = 32 * args.length;
  for (const arg of args) {
    if (typeof arg !== "object") {
      heads.push(encodeWord(arg));
      continue;
    }
    const tail = Array.isArray(arg) ? concatBytes(word(arg.length), ...arg.map(word)) : encodeText(arg.text);
    heads.push(word(offset));
    tails.push(tail);
    offset += tail.length;
  }
  const selector = keccak(utf8ToBytes(signature)).slice(0, 4);
  return toHex(concatBytes(selector, ...heads, ...tails));
}

function encodeText(text: string): Uint8Array {
  const bytes = utf8ToBytes(text);
  return concatBytes(word(bytes.length), bytes, new Uint8Array((32 - (bytes.length % 32)) % 32));
}

function encodeWord(value: bigint | number | string): Uint8Array {
  if (typeof value !== "string") return word(value);
  return value.length === 42 ? addressWord(value) : fromHex(value);
}

export function decodeWords(data: string): bigint[] {
  const bytes = fromHex(data);
  return Array.from({ length: Math.floor(bytes.length / 32) }, (_, index) => readWord(bytes, index));
}

const ERROR_SELECTOR = "0x08c379a0";

/** The reason in the data of a revert; null if there is none. */
export function decodeReason(data: unknown): string | null {
  if (typeof data !== "string" || !data.startsWith(ERROR_SELECTOR)) return null;
  const bytes = fromHex(data).slice(4);
  const length = Number(readWord(bytes, 1));
  return new TextDecoder().decode(bytes.slice(64, 64 + length));
}
