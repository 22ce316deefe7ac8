/** JSON of the matcher's API, as its OpenAPI page says. Amounts are decimal strings. */

export type Amount = string;

export interface Page<T> {
  items: T[];
  next: string | null;
  block: number;
}

export interface Assignment {
  id: number;
  deal: number;
  peer: number;
  provider: string;
  endpoint: string;
  region: number;
  memory_mib: number;
  units: number;
  price: Amount;
  offer: string;
  run: number;
  state: string;
  alive: boolean;
  start: number | null;
  next: number | null;
  end: number | null;
  skipped: number;
  assigned_block: number;
  assigned_at: number;
  tx: string;
  ended_at: number | null;
  ended_kind: string | null;
  why: number | null;
  why_text: string | null;
  paid: Amount;
  refunded: Amount;
  work: Amount;
  convicted: boolean;
}

export interface AssignmentDetail extends Assignment {
  claimable_paid: Amount;
  claimable_refund: Amount;
}

export interface Deal {
  id: number;
  developer: string;
  offer: string;
  app: string;
  version: number;
  status: string;
  runway: Amount;
  balance: Amount;
  rate: Amount;
  deposit: Amount;
  settled: number;
  end: number;
  units: number;
  run: number;
  stopped: boolean;
  last_funded: number | null;
  lapsed_at: number | null;
  created_block: number;
  created_at: number;
  tx: string;
  meter: string;
  assignments: Assignment[];
}

export interface Version {
  version: number;
  app: string;
  at: number;
}

export interface Peer {
  id: number;
  provider: string;
  key: string;
  units: number;
  used: number;
  free: number;
  memory_mib: number;
  region: number;
  traits: Amount;
  wallet: string;
  endpoint: string;
  registered_block: number;
  registered_at: number;
  proven: number | null;
  reachable: { answers: boolean; since: number; problem: string | null } | null;
  document?: PeerDocument | null;
}

/** What a peer says of itself, signed by its key; zeros and empty texts are not said. */
export interface PeerDocument {
  site: { id: string; name: string; city: string; country: string; area: string } | null;
  hardware: { cpu: string; cores: number; memory_mib: number; storage_gib: number; network_mbps: number };
  claims: { kind: string; text: string; url: string }[];
  speed: number;
  issued: number;
  expires: number;
}

export interface Account {
  address: string;
  free: Amount;
  counter: Amount;
}

export interface Provider {
  address: string;
  free: Amount;
  counter: Amount;
  stake_free: Amount;
  stake_locked: Amount;
  leaving: Amount;
  ready: number;
  peers: number;
  units: number;
  used: number;
  alive_units: number;
  paid: Amount;
}

export interface Epoch {
  epoch: number;
  start: number;
  end: number;
  is_final: boolean;
  committed: number;
  peers: number;
  assignments: number;
  units: number;
  billed: Amount;
}

/** Units of an epoch: those that peers had at its end, those that ran in it, and the rest. */
export interface EpochUnits {
  epoch: number;
  start: number;
  offered: number;
  sold: number;
  free: number;
}

export interface Fill {
  offer: string;
  units: number;
  price: Amount;
}

export interface Match {
  id: number;
  engine: string;
  block: number;
  block_hash: string;
  book: string;
  offer: string;
  deal: number | null;
  offers: string[];
  fills: Fill[];
  total: Amount;
  saving: Amount;
  bound: Amount;
  gap_ppm: number;
  tx: string | null;
}

export interface Statistics {
  providers: number;
  peers: number;
  units: number;
  used: number;
  deals: number;
  live_deals: number;
  deposited: Amount;
  assignments: number;
  active: number;
  paid: Amount;
  refunded: Amount;
  matches: number;
  provider_offers: number;
  developer_offers: number;
  epoch: number;
  block: number;
}

export interface Depth {
  region: number;
  peers: number;
  units: number;
  levels: { price: Amount; peers: number; units: number }[];
}

export type Terms = Record<string, string | string[]>;

export interface Offer {
  hash: string;
  status: string;
  deal: number | null;
  reasons: string[];
  offer: Terms;
  signature: string | null;
  source: string;
  received_at: number;
}

export interface Explanation {
  want: number;
  units: number;
  price_distance: { any: Amount | null; all: Amount | null };
  excluded: {
    constraint: string;
    alone: { peers: number; units: number };
    last: { peers: number; units: number };
  }[];
  together: string[];
  relaxations: {
    field: string;
    from: string | string[];
    to: string | string[];
    units: number;
    price: Amount;
  }[];
  notes: string[];
}

export interface ServiceStatus {
  service: string;
  version: string;
  chain_id: number;
  head: number | null;
  indexed: number | null;
  finality: number | null;
  extra: Record<string, unknown>;
}

export interface Opportunity {
  offer: string;
  deal: number | null;
  developer: string;
  units: number;
  max_price: Amount;
  epoch: number | null;
  match: number | null;
  price_taken: Amount | null;
  price_to_win: Amount | null;
  lost_by: Amount | null;
  reasons: string[];
}

/** An ask or an accusation; `jury` has seats by place, `moved_at` is when its phase began. */
export interface Case {
  id: number;
  kind: string;
  state: string;
  outcome: string | null;
  assignment: number;
  by: string;
  epoch: number;
  sequence: Amount;
  receipt: string;
  jury: number[] | null;
  seized: Amount | null;
  opened_block: number;
  opened_at: number;
  moved_at: number;
  tx: string;
}

export interface CaseDetail {
  case: Case;
  votes: { place: number; vote: string | null }[];
}

/** A peer that was convicted by its own words; `kind` as in the law of Audits. */
export interface Contradiction {
  assignment: number;
  by: string;
  kind: number;
  seized: Amount;
  log_index: number;
  at: number;
  tx: string;
  in_block: number;
}

/** A juror's place; `quit` 0 while it is kept. */
export interface Seat {
  id: number;
  peer: number;
  since: number;
  quit: number;
  fines: number;
}

/** A redeemed voucher: `paid` now for all `work` so far, `owed` still, `balance` of the deal. */
export interface Redemption {
  assignment: number;
  deal: number;
  provider: string;
  work: Amount;
  paid: Amount;
  owed: Amount;
  balance: Amount;
  log_index: number;
  at: number;
  tx: string;
  in_block: number;
}

/** An event of the chain, with its members as the stream writes them. */
export interface ChainEvent {
  id: string;
  name: string;
  block: number;
  log_index: number;
  tx: string;
  timestamp: number;
  [member: string]: unknown;
}

/** Figures over the last `epochs` final epochs; ratios in parts per million. */
export interface ReputationWindow {
  epochs: number;
  first: number;
  last: number;
  active: number;
  proven: number;
  uptime_ppm: number | null;
  in_time_ppm: number | null;
  evictions: number;
  faults: number;
  audits_won: number;
  audits_lost: number;
  paid: Amount;
  refunded: Amount;
  seized: Amount;
  counts: Record<string, number>;
  reasons: { kind: string; reason: Amount; text: string; count: number }[];
}

export interface RecordedEpoch {
  epoch: number;
  is_final: boolean;
  active: number;
  proven: number;
  billed: Amount;
  proven_pay: Amount;
  counts: Record<string, number>;
}

/** What the chain says of a peer, or with `peer` null of all peers of a provider. */
export interface Reputation {
  provider: string;
  peer: number | null;
  registered_epoch: number;
  age_epochs: number;
  bond: Amount;
  final_epoch: number;
  windows: ReputationWindow[];
  epochs: RecordedEpoch[];
}

export interface ReputationEvent {
  kind: string;
  in_block: number;
  log_index: number;
  tx: string;
  epoch: number;
  peer: number;
  deal: number | null;
  assignment: number | null;
  reason_text: string | null;
  proven_epoch: number | null;
}
