/** Bytes and words of 32 bytes, as the contracts encode them. */

import { sha256 } from "@noble/hashes/sha2.js";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";

export { concatBytes, utf8ToBytes };

export function toHex(bytes: Uint8Array): string {
  return `0x${bytesToHex(bytes)}`;
}

export function fromHex(text: string): Uint8Array {
  return hexToBytes(text.startsWith("0x") ? text.slice(2) : text);
}

export function word(value: bigint | number): Uint8Array {
  return hexToBytes(BigInt(value).toString(16).padStart(64, "0"));
}

export function addressWord(address: string): Uint8Array {
  return hexToBytes(address.slice(2).toLowerCase().padStart(64, "0"));
}

/** The whole number at word `index`. */
export function readWord(bytes: Uint8Array, index: number): bigint {
  return BigInt(toHex(bytes.subarray(32 * index, 32 * index + 32)));
}

export function keccak(bytes: Uint8Array): Uint8Array {
  return keccak_256(bytes);
}

export function sha(bytes: Uint8Array): Uint8Array {
  return sha256(bytes);
}

/** An address with the capital letters that check it (EIP-55). */
export function toAddress(bytes: Uint8Array): string {
  const digits = bytesToHex(bytes.slice(-20));
  const check = bytesToHex(keccak(utf8ToBytes(digits)));
  return `0x${[...digits].map((digit, i) => (Number.parseInt(check[i] ?? "0", 16) >= 8 ? digit.toUpperCase() : digit)).join("")}`;
}

export function isSame(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
