// What our index keeps of these events, table by table, with the indexes that its readers need.
import { index, onchainTable, primaryKey } from "ponder";

export const event = onchainTable(
  "event",
  (t) => ({
    id: t.text().primaryKey(),
    block: t.bigint().notNull(),
    logIndex: t.integer().notNull(),
    name: t.text().notNull(),
    timestamp: t.bigint().notNull(),
    tx: t.hex().notNull(),
    deal: t.bigint(),
    assignment: t.bigint(),
    peer: t.bigint(),
    account: t.hex(),
    otherAccount: t.hex(),
    data: t.text().notNull(),
  }),
  (row) => ({
    byName: index().on(row.name, row.block, row.logIndex),
    byDeal: index().on(row.deal, row.block, row.logIndex),
    byAssignment: index().on(row.assignment, row.block, row.logIndex),
    byPeer: index().on(row.peer, row.block, row.logIndex),
    byAccount: index().on(row.account, row.block, row.logIndex),
    byOther: index().on(row.otherAccount, row.block, row.logIndex),
    byTx: index().on(row.tx),
  }),
);

export const account = onchainTable("account", (t) => ({
  address: t.hex().primaryKey(),
  free: t.bigint().notNull(),
  counter: t.bigint().notNull(),
  earned: t.bigint().notNull(),
}));

export const cancellation = onchainTable(
  "cancellation",
  (t) => ({ account: t.hex().notNull(), hash: t.hex().notNull(), block: t.bigint().notNull() }),
  (row) => ({ pk: primaryKey({ columns: [row.account, row.hash] }) }),
);

export const stake = onchainTable("stake", (t) => ({
  provider: t.hex().primaryKey(),
  free: t.bigint().notNull(),
  locked: t.bigint().notNull(),
  leaving: t.bigint().notNull(),
  ready: t.bigint().notNull(),
}));

export const peer = onchainTable(
  "peer",
  (t) => ({
    id: t.bigint().primaryKey(),
    provider: t.hex().notNull(),
    key: t.hex().notNull(),
    units: t.bigint().notNull(),
    used: t.bigint().notNull(),
    memoryMib: t.bigint().notNull(),
    region: t.bigint().notNull(),
    traits: t.bigint().notNull(),
    wallet: t.hex().notNull(),
    endpoint: t.text().notNull(),
    block: t.bigint().notNull(),
    at: t.bigint().notNull(),
  }),
  (row) => ({ byProvider: index().on(row.provider, row.id), byWallet: index().on(row.wallet) }),
);

export const unitChange = onchainTable(
  "unit_change",
  (t) => ({
    id: t.text().primaryKey(),
    peer: t.bigint().notNull(),
    epoch: t.bigint().notNull(),
    delta: t.bigint().notNull(),
  }),
  (row) => ({ byEpoch: index().on(row.epoch, row.delta) }),
);

export const commitment = onchainTable(
  "commitment",
  (t) => ({
    peer: t.bigint().notNull(),
    epoch: t.bigint().notNull(),
    root: t.hex().notNull(),
    block: t.bigint().notNull(),
    tx: t.hex().notNull(),
  }),
  (row) => ({ pk: primaryKey({ columns: [row.peer, row.epoch] }), byEpoch: index().on(row.epoch, row.peer) }),
);

export const deal = onchainTable(
  "deal",
  (t) => ({
    id: t.bigint().primaryKey(),
    developer: t.hex().notNull(),
    offer: t.hex().notNull(),
    app: t.hex().notNull(),
    version: t.integer().notNull(),
    deposit: t.bigint().notNull(),
    balance: t.bigint().notNull(),
    rate: t.bigint().notNull(),
    settled: t.bigint().notNull(),
    end: t.bigint().notNull(),
    units: t.bigint().notNull(),
    stopped: t.boolean().notNull(),
    meter: t.hex().notNull(),
    block: t.bigint().notNull(),
    at: t.bigint().notNull(),
    tx: t.hex().notNull(),
  }),
  (row) => ({
    byDeveloper: index().on(row.developer, row.id),
    byOffer: index().on(row.offer),
    byApp: index().on(row.app),
  }),
);

export const dealChange = onchainTable(
  "deal_change",
  (t) => ({
    id: t.text().primaryKey(),
    deal: t.bigint().notNull(),
    kind: t.text().notNull(),
    block: t.bigint().notNull(),
    timestamp: t.bigint().notNull(),
    tx: t.hex().notNull(),
    by: t.hex(),
    amount: t.bigint().notNull(),
    balance: t.bigint().notNull(),
    units: t.bigint(),
    app: t.hex(),
  }),
  (row) => ({ byDeal: index().on(row.deal, row.block) }),
);

export const assignment = onchainTable(
  "assignment",
  (t) => ({
    id: t.bigint().primaryKey(),
    deal: t.bigint().notNull(),
    peer: t.bigint().notNull(),
    units: t.bigint().notNull(),
    price: t.bigint().notNull(),
    offer: t.hex().notNull(),
    state: t.text().notNull(),
    block: t.bigint().notNull(),
    at: t.bigint().notNull(),
    tx: t.hex().notNull(),
    start: t.bigint(),
    next: t.bigint(),
    end: t.bigint(),
    skipped: t.bigint().notNull(),
    endedAt: t.bigint(),
    endedKind: t.bigint(),
    why: t.bigint(),
    paid: t.bigint().notNull(),
    refunded: t.bigint().notNull(),
    work: t.bigint().notNull(),
  }),
  (row) => ({
    byDeal: index().on(row.deal, row.id),
    byPeer: index().on(row.peer, row.id),
    byStart: index().on(row.start),
    byEnd: index().on(row.end, row.start),
  }),
);

export const payment = onchainTable(
  "payment",
  (t) => ({
    id: t.text().primaryKey(),
    kind: t.text().notNull(),
    assignment: t.bigint().notNull(),
    deal: t.bigint().notNull(),
    provider: t.hex().notNull(),
    first: t.bigint(),
    last: t.bigint().notNull(),
    paid: t.bigint().notNull(),
    refunded: t.bigint().notNull(),
    block: t.bigint().notNull(),
    timestamp: t.bigint().notNull(),
    tx: t.hex().notNull(),
  }),
  (row) => ({
    byAssignment: index().on(row.assignment),
    byDeal: index().on(row.deal, row.block),
    byProvider: index().on(row.provider, row.block),
  }),
);

export const skip = onchainTable(
  "skip",
  (t) => ({
    id: t.text().primaryKey(),
    block: t.bigint().notNull(),
    tx: t.hex().notNull(),
    what: t.bigint().notNull(),
    peer: t.bigint(),
    reason: t.bigint().notNull(),
  }),
  (row) => ({ byWhat: index().on(row.what) }),
);

export const auditCase = onchainTable("audit_case", (t) => ({
  id: t.bigint().primaryKey(),
  kind: t.bigint().notNull(),
  state: t.text().notNull(),
  assignment: t.bigint().notNull(),
  by: t.hex().notNull(),
  outcome: t.bigint(),
  seized: t.bigint(),
  movedAt: t.bigint().notNull(),
}));

export const reputationEvent = onchainTable(
  "reputation_event",
  (t) => ({
    id: t.text().primaryKey(),
    kind: t.text().notNull(),
    peer: t.bigint().notNull(),
    provider: t.hex().notNull(),
    epoch: t.bigint().notNull(),
    tx: t.hex().notNull(),
    deal: t.bigint(),
    assignment: t.bigint(),
    reason: t.bigint(),
    units: t.bigint().notNull(),
    paid: t.bigint().notNull(),
    refunded: t.bigint().notNull(),
  }),
  (row) => ({
    byPeer: index().on(row.peer, row.epoch),
    byProvider: index().on(row.provider, row.epoch),
    byEpoch: index().on(row.epoch, row.kind),
  }),
);
