// The rows that indexer/handlers change, event by event. What no generated history has is left out.
import {
  account, assignment, auditCase, cancellation, commitment, deal, dealChange, payment, peer,
  reputationEvent, skip, stake, unitChange,
} from "ponder:schema";

const EPOCH = BigInt(process.env.BENCH_EPOCH!);
const NO_METER = `0x${"0".repeat(40)}`;

export type Seen = {
  id: string;
  args: any;
  block: { number: bigint; timestamp: bigint };
  log: { logIndex: number };
  transaction: { hash: `0x${string}` };
};
type Change = (db: any, seen: Seen) => Promise<unknown>;

const epochOf = (seen: Seen) => seen.block.timestamp / EPOCH;
const atLeastNothing = (amount: bigint) => (amount < 0n ? 0n : amount);
const isMetered = (of: any) => of.meter !== NO_METER;

const setAccount = (db: any, address: string, values: any) =>
  db.insert(account).values({ address, free: 0n, counter: 0n, earned: 0n, ...values }).onConflictDoUpdate(values);

const move = (db: any, address: string, amount: bigint, earned = 0n) =>
  db
    .insert(account)
    .values({ address, free: atLeastNothing(amount), counter: 0n, earned })
    .onConflictDoUpdate((row: any) => ({ free: atLeastNothing(row.free + amount), earned: row.earned + earned }));

async function note(db: any, seen: Seen, kind: string, of: any, more: any = {}) {
  const machine = await db.find(peer, { id: of.peer });
  await db.insert(reputationEvent).values({
    id: seen.id, kind, peer: of.peer, provider: machine.provider, epoch: epochOf(seen),
    tx: seen.transaction.hash, deal: of.deal, assignment: of.id, units: of.units,
    paid: 0n, refunded: 0n, ...more,
  });
}

const noteDeal = (db: any, seen: Seen, of: any, kind: string, more: any = {}) =>
  db.insert(dealChange).values({
    id: seen.id, deal: of.id, kind, block: seen.block.number, timestamp: seen.block.timestamp,
    tx: seen.transaction.hash, amount: 0n, balance: of.balance, ...more,
  });

const settle = (of: any, epoch: bigint) => {
  const until = epoch < of.end ? epoch : of.end;
  const more = until > of.settled ? until - of.settled : 0n;
  return { balance: of.balance - of.rate * more, settled: of.settled + more };
};

const noteUnits = (db: any, seen: Seen, of: bigint, delta: bigint) =>
  db.insert(unitChange).values({ id: seen.id, peer: of, epoch: epochOf(seen), delta });

const pay = (db: any, seen: Seen, kind: string, of: any, provider: string, values: any) =>
  db.insert(payment).values({
    id: seen.id, kind, assignment: of.id, deal: of.deal, provider, block: seen.block.number,
    timestamp: seen.block.timestamp, tx: seen.transaction.hash, ...values,
  });

const leaveOut = (db: any, seen: Seen, what: bigint, ofPeer: bigint | null) =>
  db.insert(skip).values({
    id: seen.id, block: seen.block.number, tx: seen.transaction.hash, what, peer: ofPeer, reason: seen.args.reason,
  });

export const changes: Record<string, Change> = {
  Deposited: (db, { args }) => setAccount(db, args.account, { free: args.free }),
  Withdrawn: (db, { args }) => setAccount(db, args.account, { free: args.free }),
  CounterBumped: (db, { args }) => setAccount(db, args.account, { counter: args.counter }),
  OfferCancelled: (db, { args, block }) =>
    db.insert(cancellation).values({ account: args.account, hash: args.hash, block: block.number }).onConflictDoNothing(),
  Stake: (db, { args }) =>
    db
      .insert(stake)
      .values({ provider: args.provider, free: args.free, locked: args.locked, leaving: 0n, ready: 0n })
      .onConflictDoUpdate({ free: args.free, locked: args.locked }),
  Leaving: (db, { args }) =>
    db
      .insert(stake)
      .values({ provider: args.provider, free: 0n, locked: 0n, leaving: args.amount, ready: args.ready })
      .onConflictDoUpdate({ leaving: args.amount, ready: args.ready }),
  Committed: (db, { args, block, transaction }) =>
    db.insert(commitment).values({ ...args, block: block.number, tx: transaction.hash }),

  PeerRegistered: async (db, seen) => {
    const { peer: id, memory_mib, ...args } = seen.args;
    const { number: block, timestamp: at } = seen.block;
    await db.insert(peer).values({ id, ...args, memoryMib: memory_mib, used: 0n, block, at });
    await note(db, seen, "registered", { peer: id, id: null, deal: null, units: args.units });
    await noteUnits(db, seen, id, args.units);
  },
  PeerUnits: async (db, seen) => {
    const { peer: id, units } = seen.args;
    const known = await db.find(peer, { id });
    await noteUnits(db, seen, id, units - known.units);
    await db.update(peer, { id }).set({ units });
  },
  PeerWallet: (db, { args }) => db.update(peer, { id: args.peer }).set({ wallet: args.wallet }),
  PeerEndpoint: (db, { args }) => db.update(peer, { id: args.peer }).set({ endpoint: args.endpoint }),

  DealCreated: async (db, seen) => {
    const { deal: id, ...args } = seen.args;
    const made = {
      id, ...args, version: 1, balance: args.deposit, rate: 0n, settled: epochOf(seen), units: 0n, stopped: false,
      block: seen.block.number, at: seen.block.timestamp, tx: seen.transaction.hash,
    };
    await db.insert(deal).values(made);
    await move(db, args.developer, -args.deposit);
    await noteDeal(db, seen, made, "created", { by: args.developer, amount: args.deposit, app: args.app });
  },
  Matched: async (db, seen) => {
    const { deal: id, caller: by, units, tip } = seen.args;
    const of = await db.update(deal, { id }).set((row: any) => ({ units, ...settle(row, epochOf(seen)) }));
    if (tip) {
      await move(db, of.developer, -tip);
      await move(db, by, tip);
    }
    await noteDeal(db, seen, of, "matched", { by, amount: tip, units });
  },
  DealBalance: async (db, seen) => {
    const { deal: id, by, balance } = seen.args;
    const before = await db.find(deal, { id });
    const added = balance - settle(before, epochOf(seen)).balance;
    await move(db, by, -added);
    const of = await db.update(deal, { id }).set({ balance, settled: epochOf(seen) });
    await noteDeal(db, seen, of, added < 0n ? "taken" : "topped up", { by, amount: added < 0n ? -added : added });
  },
  Stopped: async (db, seen) => {
    const { deal: id, end, returned } = seen.args;
    const of = await db.update(deal, { id }).set((row: any) => ({
      rate: 0n, units: 0n, end, stopped: true, balance: isMetered(row) ? row.balance : 0n,
    }));
    await move(db, of.developer, returned);
    await noteDeal(db, seen, of, "stopped", { by: of.developer, amount: returned });
  },
  AppChanged: async (db, seen) => {
    const { deal: id, app } = seen.args;
    const of = await db.update(deal, { id }).set((row: any) => ({ app, version: row.version + 1 }));
    await noteDeal(db, seen, of, "app", { by: of.developer, app });
  },

  Assigned: async (db, seen) => {
    const { assignment: id, ...args } = seen.args;
    await db.update(peer, { id: args.peer }).set((row: any) => ({ used: row.used + args.units }));
    const made = {
      id, ...args, state: "pending", block: seen.block.number, at: seen.block.timestamp,
      tx: seen.transaction.hash, skipped: 0n, paid: 0n, refunded: 0n, work: 0n,
    };
    await db.insert(assignment).values(made);
    await note(db, seen, "assigned", made);
  },
  Activated: async (db, seen) => {
    const { assignment: id, deal: of, epoch, skipped, balance, rate } = seen.args;
    const paying = await db.update(deal, { id: of }).set({ rate, balance, settled: epoch });
    const [state, next] = isMetered(paying) ? ["metered", null] : ["active", epoch];
    await note(db, seen, "activated", await db.update(assignment, { id }).set({ start: epoch, skipped, state, next }));
  },
  Ended: async (db, seen) => {
    const { assignment: id, deal: of, peer: by, end, kind, why, balance, rate } = seen.args;
    const ran = await db
      .update(assignment, { id })
      .set((row: any) => ({
        state: row.start === null || end < row.start ? "cleared" : row.state === "metered" ? "closed" : "ended",
        end, endedAt: seen.block.timestamp, endedKind: kind, why,
      }));
    await db.update(peer, { id: by }).set((row: any) => ({ used: row.used - ran.units }));
    await db
      .update(deal, { id: of })
      .set((row: any) => ({ units: row.units - ran.units, rate, balance, settled: epochOf(seen) }));
    await note(db, seen, "dropped", ran, { reason: why });
  },
  Claimed: async (db, seen) => {
    const { assignment: id, provider, last, paid, refunded } = seen.args;
    const ran = await db.find(assignment, { id });
    const of = await db.find(deal, { id: ran.deal });
    if (paid) await move(db, provider, paid, paid);
    if (refunded) await move(db, of.developer, refunded);
    await db
      .update(assignment, { id })
      .set((row: any) => ({ next: last + 1n, paid: row.paid + paid, refunded: row.refunded + refunded }));
    await pay(db, seen, "claim", ran, provider, { first: ran.next, last, paid, refunded });
    await note(db, seen, "claimed", ran, { paid, refunded });
  },
  Redeemed: async (db, seen) => {
    const { assignment: id, deal: of, work, paid, balance } = seen.args;
    const ran = await db.update(assignment, { id }).set((row: any) => ({ work, paid: row.paid + paid }));
    const machine = await db.find(peer, { id: ran.peer });
    await db.update(deal, { id: of }).set({ balance, settled: epochOf(seen) });
    await move(db, machine.provider, paid, paid);
    await pay(db, seen, "redemption", ran, machine.provider, { last: work, paid, refunded: 0n });
    await note(db, seen, "redeemed", ran, { paid });
  },
  Skipped: (db, seen) => leaveOut(db, seen, seen.args.assignment, null),
  FillSkipped: (db, seen) => leaveOut(db, seen, seen.args.deal, seen.args.peer),

  Opened: async (db, seen) => {
    const { case: id, kind, assignment: of, by } = seen.args;
    await db.insert(auditCase).values({ id, kind, state: "open", assignment: of, by, movedAt: seen.block.timestamp });
    await note(db, seen, "asked", await db.find(assignment, { id: of }));
  },
  Closed: async (db, seen) => {
    const { case: id, assignment: of, outcome, seized } = seen.args;
    const closed = { state: "closed", outcome, seized, movedAt: seen.block.timestamp };
    const known = await db.update(auditCase, { id }).set(closed);
    await note(db, seen, "answered", await db.find(assignment, { id: of }), { reason: known.kind });
  },
};
