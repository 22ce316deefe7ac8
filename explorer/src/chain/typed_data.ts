/** EIP-712: what wallets sign, and the hashes by which offers are named (docs/interfaces.md 8.2). */

import { recoverPublicKey } from "@noble/secp256k1";

import type { Terms } from "../data/views";
import { addressWord, concatBytes, fromHex, keccak, toAddress, toHex, utf8ToBytes, word } from "./bytes";

export interface Field {
  name: string;
  type: string;
}

const uints = (names: string): Field[] => names.split(" ").map((name) => ({ name, type: "uint256" }));

export const PROVIDER_OFFER: Field[] = [
  ...uints("peer kind price"),
  { name: "developer", type: "address" },
  ...uints("valid_until counter salt"),
];

export const DEVELOPER_OFFER: Field[] = [
  { name: "developer", type: "address" },
  { name: "app", type: "bytes32" },
  ...uints("min_units units max_units_per_provider min_regions"),
  { name: "meter", type: "address" },
  ...uints("max_price epochs deposit min_memory_mib regions traits"),
  { name: "providers", type: "address[]" },
  ...uints("providers_mode"),
  { name: "matcher", type: "address" },
  ...uints("tip valid_until counter salt"),
];

export const REQUEST: Field[] = [
  { name: "method", type: "string" },
  { name: "target", type: "string" },
  { name: "body", type: "bytes32" },
  { name: "expires", type: "uint256" },
  { name: "nonce", type: "bytes32" },
];

export const DOMAIN: Field[] = [
  { name: "name", type: "string" },
  { name: "version", type: "string" },
  { name: "chainId", type: "uint256" },
  { name: "verifyingContract", type: "address" },
];

function encodeMember(type: string, value: unknown): Uint8Array {
  switch (type) {
    case "string":
      return keccak(utf8ToBytes(String(value)));
    case "bytes32":
      return fromHex(String(value));
    case "address":
      return addressWord(String(value));
    case "address[]":
    case "string[]":
    case "uint256[]":
      return keccak(concatBytes(...(value as unknown[]).map((entry) => encodeMember(type.slice(0, -2), entry))));
    default:
      return word(BigInt(value as string));
  }
}

export function hashStruct(name: string, fields: Field[], value: Record<string, unknown>): Uint8Array {
  const type = `${name}(${fields.map((field) => `${field.type} ${field.name}`).join(",")})`;
  const members = fields.map((field) => encodeMember(field.type, value[field.name]));
  return keccak(concatBytes(keccak(utf8ToBytes(type)), ...members));
}

export function isAsk(offer: Terms): boolean {
  return offer.peer !== undefined;
}

/** The struct hash, which is the offer's name everywhere. */
export function hashOffer(offer: Terms): string {
  return toHex(
    isAsk(offer)
      ? hashStruct("ProviderOffer", PROVIDER_OFFER, offer)
      : hashStruct("DeveloperOffer", DEVELOPER_OFFER, offer),
  );
}

export interface Domain {
  name: string;
  version: string;
  chainId: number;
  verifyingContract: string;
}

export function marketDomain(chainId: number, market: string): Domain {
  return { name: "Wasmarket", version: "1", chainId, verifyingContract: market };
}

/** What is signed: keccak(0x1901 ‖ separator ‖ struct hash). */
export function digestOf(domain: Domain, structHash: Uint8Array): Uint8Array {
  const separator = hashStruct("EIP712Domain", DOMAIN, { ...domain });
  return keccak(concatBytes(new Uint8Array([0x19, 0x01]), separator, structHash));
}

/** The account that signed a digest; null where no key gives the signature. */
export function recoverSigner(digest: Uint8Array, signature: string): string | null {
  try {
    const bytes = fromHex(signature);
    const rs = bytes.slice(0, 64);
    let parity: number;
    if (bytes.length === 64) {
      parity = (rs[32] ?? 0) >> 7;
      rs[32] = (rs[32] ?? 0) & 0x7f;
    } else {
      parity = (bytes[64] ?? 0) % 27;
    }
    const key = recoverPublicKey(concatBytes(new Uint8Array([parity]), rs), digest, { prehash: false });
    return toAddress(keccak(decompress(key).slice(1)));
  } catch {
    return null;
  }
}

const PRIME = 2n ** 256n - 2n ** 32n - 977n;

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let b = base, e = exponent; e > 0n; e >>= 1n, b = (b * b) % PRIME) if (e & 1n) result = (result * b) % PRIME;
  return result;
}

/** A public key in 65 bytes: y is the root of x³ + 7 with the parity that the first byte says. */
function decompress(key: Uint8Array): Uint8Array {
  if (key.length === 65) return key;
  const x = BigInt(toHex(key.subarray(1)));
  const root = power((((x * x) % PRIME) * x + 7n) % PRIME, (PRIME + 1n) / 4n);
  const isOdd = (root & 1n) === 1n;
  const y = isOdd === (key[0] === 3) ? root : PRIME - root;
  return concatBytes(new Uint8Array([4]), word(x), word(y));
}
