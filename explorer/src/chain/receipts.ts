/** Check a peer's receipts of an epoch: bytes to hashes, hashes to its root, its root to the chain. */

import { fromHex, readWord, sha, toHex } from "./bytes";
import { rootOf, rootOfProof } from "./merkle";

export interface ReceiptEpoch {
  peer: number;
  epoch: number;
  root: string | null;
  summaries: { packed: string; index: number; size: number; proof: string[] }[];
  items: { assignment: number; sequence: number; hash: string; packed: string }[];
  next: string | null;
}

export interface Receipt {
  assignment: number;
  sequence: number;
  status: number;
  fuel: bigint;
  size: bigint;
  durationUs: bigint;
  time: number;
}

/** One line of what was checked; `ok` null: it could not be. */
export interface Finding {
  what: string;
  ok: boolean | null;
  detail: string;
}

const RECEIPT_BYTES = 13 * 32;
const SUMMARY = { peer: 0, epoch: 1, assignment: 2, deal: 3, count: 5, receiptsRoot: 8 };
export const CALL_STATUS = ["answered", "trap", "time", "memory", "output", "refused"];

export function readReceipt(packed: string): Receipt {
  const bytes = fromHex(packed);
  const at = (index: number) => readWord(bytes, index);
  return {
    assignment: Number(at(1)),
    sequence: Number(at(2)),
    status: Number(at(7)),
    fuel: at(8),
    size: at(9),
    durationUs: at(10),
    time: Number(at(11)),
  };
}

/** Check what a peer answered for a deal; `committed`: the root of that epoch on chain, if known. */
export function checkReceipts(answer: ReceiptEpoch, deal: number, committed: string | null): Finding[] {
  const findings: Finding[] = [];
  const say = (what: string, ok: boolean | null, detail: string) => findings.push({ what, ok, detail });
  const wrong = answer.items.filter((item) => {
    const bytes = fromHex(item.packed);
    return bytes.length !== RECEIPT_BYTES || toHex(sha(bytes)) !== item.hash || Number(readWord(bytes, 0)) !== deal;
  });
  const count = answer.items.length;
  say("Receipts", wrong.length === 0, `${count} hashed again, ${wrong.length} of them wrong or of another deal`);
  for (const entry of answer.summaries) {
    const bytes = fromHex(entry.packed);
    const assignment = Number(readWord(bytes, SUMMARY.assignment));
    const own = answer.items.filter((item) => item.assignment === assignment).map((item) => fromHex(item.packed));
    const expected = Number(readWord(bytes, SUMMARY.count));
    const root = toHex(bytes.slice(32 * SUMMARY.receiptsRoot, 32 * SUMMARY.receiptsRoot + 32));
    if (own.length < expected) {
      say(`Assignment ${assignment}`, null, `${expected} receipts are in its summary, ${own.length} are on this page`);
    } else {
      const ok = own.length === expected && (expected === 0 || toHex(rootOf(own)) === root);
      say(`Assignment ${assignment}`, ok, `the tree over ${own.length} receipts gives the root of its summary`);
    }
    const led = rootOfProof(bytes, entry.index, entry.size, entry.proof.map(fromHex));
    const isOurs = Number(readWord(bytes, SUMMARY.peer)) === answer.peer && Number(readWord(bytes, SUMMARY.epoch)) === answer.epoch;
    say(`Summary ${assignment}`, led !== null && isOurs && toHex(led) === answer.root, "its proof leads to the root of the epoch");
  }
  if (answer.root === null) say("Root", null, "the epoch is not closed yet");
  else if (committed === null) say("Root on chain", null, "the peer has not committed this epoch");
  else say("Root on chain", committed === answer.root, "the same that the peer committed to the contract");
  return findings;
}
