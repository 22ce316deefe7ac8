/** Trees as in RFC 6962 over receipts and summaries (docs/interfaces.md 8.5). */

import { concatBytes, sha } from "./bytes";

function node(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha(concatBytes(new Uint8Array([1]), left, right));
}

export function leaf(data: Uint8Array): Uint8Array {
  return sha(concatBytes(new Uint8Array([0]), data));
}

/** The root over entries, at least one: pairs are joined level by level, an odd last one rises. */
export function rootOf(entries: Uint8Array[]): Uint8Array {
  let level = entries.map(leaf);
  while (level.length > 1) {
    const above: Uint8Array[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const [left, right] = [level[i]!, level[i + 1]];
      above.push(right === undefined ? left : node(left, right));
    }
    level = above;
  }
  return level[0] ?? new Uint8Array(32);
}

/** The root that a proof leads to for an entry; null if the proof has the wrong length. */
export function rootOfProof(entry: Uint8Array, index: number, size: number, proof: Uint8Array[]): Uint8Array | null {
  if (index < 0 || index >= size) return null;
  const rest = [...proof];
  let result = leaf(entry);
  let place = index;
  let last = size - 1;
  while (last > 0) {
    if (place % 2 === 1 || place < last) {
      const sibling = rest.shift();
      if (sibling === undefined || sibling.length !== 32) return null;
      result = place % 2 === 1 ? node(sibling, result) : node(result, sibling);
    }
    place = Math.floor(place / 2);
    last = Math.floor(last / 2);
  }
  return rest.length === 0 ? result : null;
}
