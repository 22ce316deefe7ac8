/** Check a match against the exact book it was computed from, and say who lost and by how much.
 *
 * Hashes and signatures are computed anew; the engine's replay is for `wasmarket match verify`.
 */

import type { Match, Terms } from "../data/views";
import { fromHex, isSame, sha, toHex } from "./bytes";
import type { Finding } from "./receipts";
import { checkMoney } from "./money";
import { digestOf, hashOffer, marketDomain, recoverSigner } from "./typed_data";
import { isSignedBy, type PeerFacts, type SignedWish, wishAgainst } from "./wishes";

export interface BookPeer {
  id: number;
  provider: string;
  units: number;
  used: number;
  memory_mib: number;
  region: number;
  traits: string;
}

interface BookAsk {
  offer: Terms;
  sequence: number;
  signature: string | null;
}

export interface BookDemand extends BookAsk {
  hash: string;
  deal: number;
  balance: string;
  avoid: number[];
  live: { id: number; peer: number; units: number; price: string }[];
  hold?: number;
  replacing?: number[];
  wish?: SignedWish;
  epoch_seconds?: number;
}

export interface Book {
  absent: number[];
  unreachable?: number[];
  asks: BookAsk[];
  block: number;
  block_hash: string;
  chain_id: number;
  counters: Record<string, string>;
  demands: BookDemand[];
  engine: string;
  facts?: PeerFacts[];
  kind: number;
  market: string;
  peers: BookPeer[];
  time: number;
  version: number;
}

export interface Contender {
  hash: string;
  peer: BookPeer;
  price: bigint;
  /** Units it gave; 0: it lost. */
  units: number;
  /** Whether it could have given some, its price and the caps aside. */
  isEligible: boolean;
  /** Why it could not be taken, or null: only its price or its turn was against it. */
  reason: string | null;
  /** How much dearer than the dearest unit that was taken. */
  lostBy: bigint | null;
}

const ZERO = "0x0000000000000000000000000000000000000000";
const BOOK_VERSION = 2;
/** A signature takes a millisecond: of a larger book only those of this match are checked. */
const MOST_SIGNATURES = 2000;

export interface Checked {
  demand: BookDemand | undefined;
  findings: Finding[];
  contenders: Contender[];
}

/** Check the bytes of a match's book. Throws where they are no book. */
export function checkMatch(match: Match, content: Uint8Array, chainId: number, market: string): Checked {
  const findings: Finding[] = [];
  const say = (what: string, ok: boolean | null, detail: string) => findings.push({ what, ok, detail });
  say("Book", toHex(sha(content)) === match.book, `SHA-256 of its ${content.length} bytes is its name in the record`);
  const book: Book = JSON.parse(new TextDecoder().decode(content));
  if (book.version !== BOOK_VERSION) throw new Error(`book version ${book.version} is not known here`);
  say("Market", book.chain_id === chainId && isSame(book.market, market), "the book is of this chain and contract");
  say("Block", book.block === match.block && book.block_hash === match.block_hash, `book and record are of block ${match.block}`);

  const peers = new Map(book.peers.map((peer) => [peer.id, peer]));
  const owners = new Map(book.peers.map((peer) => [peer.id, peer.provider]));
  const domain = marketDomain(book.chain_id, book.market);
  const asks = book.asks.map((ask) => ({ ...ask, hash: hashOffer(ask.offer) }));
  const demands = book.demands.map((demand) => ({ ...demand, hash: hashOffer(demand.offer) }));
  let signed = 0;
  let unsigned = 0;
  const forged: string[] = [];
  const own = new Set([match.offer, ...match.fills.map((fill) => fill.offer)]);
  const offers = [...asks, ...demands];
  const isLarge = offers.length > MOST_SIGNATURES;
  for (const entry of isLarge ? offers.filter((offer) => own.has(offer.hash)) : offers) {
    if (entry.signature === null) {
      unsigned += 1;
      continue;
    }
    const digest = digestOf(domain, fromHex(entry.hash));
    const owner = entry.offer.peer === undefined ? String(entry.offer.developer) : (peers.get(Number(entry.offer.peer))?.provider ?? ZERO);
    if (isSame(recoverSigner(digest, entry.signature) ?? ZERO, owner)) signed += 1;
    else forged.push(entry.hash);
  }
  say("Signatures", forged.length === 0, `${signed} offers hashed and their signers recovered, ${forged.length} wrong`);
  if (isLarge) say("Others", null, `the book has ${offers.length} offers: only those of this match were looked at`);
  if (unsigned > 0) say("Approvals", null, `${unsigned} offers were approved on chain: their signatures are there, not here`);

  const demand = demands.find((entry) => entry.hash === match.offer);
  say("Offer", demand !== undefined, "the developer's offer is in the book");
  const byHash = new Map(asks.map((ask) => [ask.hash, ask]));
  const isInBook = match.fills.every((fill) => {
    const ask = byHash.get(fill.offer);
    return ask !== undefined && BigInt(String(ask.offer.price)) === BigInt(fill.price);
  });
  say("Fills", isInBook, `each of the ${match.fills.length} is an offer of the book, at its own price`);
  const total = match.fills.reduce((sum, fill) => sum + BigInt(fill.price) * BigInt(fill.units), 0n);
  say("Total", total === BigInt(match.total), "units times prices give the recorded total");
  const contenders = demand === undefined ? [] : rank(match, demand, asks, peers, book);
  if (demand !== undefined) {
    const isWithin = match.fills.every((fill) => BigInt(fill.price) <= BigInt(String(demand.offer.max_price)));
    say("Limits", isWithin, "no unit is dearer than the developer's limit");
    const wished = demands.filter((entry) => entry.wish !== undefined);
    const stolen = wished.filter((entry) => !isSignedBy(entry.wish!, entry.hash, String(entry.offer.developer), domain));
    if (wished.length > 0) {
      say("Wishes", stolen.length === 0, `${wished.length} in the round, signed by their developers for their offers`);
    }
    if (demand.wish !== undefined) {
      const unfit = contenders.filter((entry) => entry.units > 0 && !entry.isEligible);
      say("Wish", unfit.length === 0, "by what the book knows of them, no peer that was taken is excluded by it");
      if (book.facts?.length) say("Facts", null, "documents, histories and latencies of peers are asked for elsewhere");
    }
    findings.push(...checkMoney(match, demand, contenders, owners, book.kind === 1));
    const cheaper = contenders.filter((entry) => entry.units === 0 && entry.reason === null && (entry.lostBy ?? 0n) < 0n);
    say(
      "Cheapest",
      cheaper.length === 0 ? true : null,
      cheaper.length === 0
        ? "no offer that could have been taken was cheaper"
        : `${cheaper.length} cheaper offers went elsewhere in the round or were held back by caps: the full replay tells`,
    );
  }
  return { demand, findings, contenders };
}

function rank(
  match: Match,
  demand: BookDemand,
  asks: (BookAsk & { hash: string })[],
  peers: Map<number, BookPeer>,
  book: Book,
): Contender[] {
  const taken = new Map(match.fills.map((fill) => [fill.offer, fill.units]));
  const ofProvider = new Map<string, number>();
  const count = (provider: string | undefined, units: number) =>
    provider !== undefined && ofProvider.set(provider, (ofProvider.get(provider) ?? 0) + units);
  for (const entry of demand.live) count(peers.get(entry.peer)?.provider, entry.units);
  for (const ask of asks) count(peers.get(Number(ask.offer.peer))?.provider, taken.get(ask.hash) ?? 0);
  const cap = Number(demand.offer.max_units_per_provider);
  const isCapped = (peer: BookPeer) => cap > 0 && (ofProvider.get(peer.provider) ?? 0) >= cap;
  const dearest = match.fills.reduce((most, fill) => (BigInt(fill.price) > most ? BigInt(fill.price) : most), 0n);
  const found = asks.flatMap((ask) => {
    const peer = peers.get(Number(ask.offer.peer));
    if (peer === undefined) return [];
    const price = BigInt(String(ask.offer.price));
    const units = taken.get(ask.hash) ?? 0;
    const against = reasonAgainst(demand, ask, peer, price, book);
    const capped = isCapped(peer) ? "its provider has as many units as the developer wants of one" : null;
    const reason = units > 0 ? null : (against ?? capped);
    const lostBy = units > 0 ? null : price - dearest;
    return [{ hash: ask.hash, peer, price, units, isEligible: against === null, reason, lostBy }];
  });
  const order = (entry: Contender) => (entry.units > 0 ? 0 : entry.reason === null ? 1 : 2);
  return found.sort((a, b) => order(a) - order(b) || (a.price < b.price ? -1 : a.price > b.price ? 1 : 0));
}

/** The first of the contract's reasons against an offer, in its order (docs/contracts-law.md 6). */
function reasonAgainst(demand: BookDemand, ask: BookAsk, peer: BookPeer, price: bigint, book: Book): string | null {
  const wants = demand.offer;
  const number = (name: string) => BigInt(String(wants[name]));
  if (price === 0n || price > number("max_price")) return "its price is above the developer's limit";
  if (book.time > Number(ask.offer.valid_until)) return "it had expired";
  if (ask.offer.counter !== book.counters[peer.provider]) return "its provider had withdrawn it";
  if (ask.offer.developer !== ZERO && !isSame(String(ask.offer.developer), String(wants.developer))) {
    return "it is for another developer";
  }
  if (BigInt(peer.memory_mib) < number("min_memory_mib")) return "its peer has too little memory";
  if (number("regions") !== 0n && ((number("regions") >> BigInt(peer.region)) & 1n) === 0n) {
    return "its peer is in a region that was not asked for";
  }
  if ((BigInt(peer.traits) & number("traits")) !== number("traits")) return "its peer lacks a trait that was asked for";
  const isListed = (wants.providers as string[]).some((entry) => isSame(entry, peer.provider));
  if (wants.providers_mode === "1" && !isListed) return "its provider is not on the developer's list";
  if (wants.providers_mode === "2" && isListed) return "the developer excludes its provider";
  if (book.absent.includes(peer.id)) return "its peer was absent and has proved nothing since";
  if (book.unreachable?.includes(peer.id)) return "its peer did not answer";
  if (demand.avoid.includes(peer.id)) return "its peer gave this deal up, or was dropped from it";
  const wished = demand.wish && wishAgainst(demand.wish.wish, book.facts?.find((known) => known.peer === peer.id));
  if (wished) return `the developer's wish excludes its peer: ${wished}`;
  if (peer.units <= peer.used) return "its peer had no units left";
  return null;
}
