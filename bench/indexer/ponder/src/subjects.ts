// What an event is about, as indexer/subjects.py finds it.
import { assignment, deal, peer } from "ponder:schema";

const ACTORS = ["account", "provider", "caller", "by", "owner", "next_owner"];

export async function findSubjects(db: any, args: any) {
  let { deal: ofDeal = null, peer: ofPeer = null } = args;
  const ofAssignment = args.assignment ?? null;
  if (ofAssignment !== null && (ofDeal === null || ofPeer === null)) {
    const known = await db.find(assignment, { id: ofAssignment });
    if (known) [ofDeal, ofPeer] = [known.deal, known.peer];
  }
  const accounts = ACTORS.filter((name) => args[name] !== undefined).map((name) => args[name]);
  if (!accounts.length && ofPeer !== null) {
    const machine = await db.find(peer, { id: ofPeer });
    if (machine) accounts.push(machine.provider);
  }
  if (ofDeal !== null) {
    const made = await db.find(deal, { id: ofDeal });
    if (made) accounts.push(made.developer);
  }
  const first = accounts[0] ?? null;
  const last = accounts.at(-1) ?? null;
  return { deal: ofDeal, assignment: ofAssignment, peer: ofPeer, account: first, otherAccount: last === first ? null : last };
}
