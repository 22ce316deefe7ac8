/** What a book says of wishes: who signed them, and whom they exclude (docs/how-to/select-providers.md). */

import { isSame } from "./bytes";
import { type Domain, digestOf, type Field, hashStruct, recoverSigner } from "./typed_data";

/** Members that are not there ask for nothing. */
export interface Wish {
  min_uptime_ppm?: number;
  max_evictions?: number;
  min_age_epochs?: number;
  max_latency_ms?: number;
  gateway?: string;
  budget_per_month?: string;
  min_speed?: number;
  data_centers?: string[];
  claims?: string[];
  provider_weights?: Record<string, number>;
}

export interface SignedWish {
  wish: Wish;
  signature: string;
}

/** What the book knows of a peer, and who said it. */
export interface PeerFacts {
  peer: number;
  document?: {
    site: { id: string } | null;
    claims: { kind: string }[];
    benchmark: { workloads: { work: number; microseconds: number }[] } | null;
  };
  history?: { uptime_ppm: number | null; evictions: number; age_epochs: number };
  latencies?: { gateway: string; region: string; ms: number; answers: number; at: number }[];
}

const ANY_EVICTIONS = 2 ** 32 - 1;
const MONTH_SECONDS = 30n * 86_400n;

export const WISH: Field[] = [
  { name: "offer", type: "bytes32" },
  ...["min_uptime_ppm", "max_evictions", "min_age_epochs", "max_latency_ms"].map((name) => ({ name, type: "uint256" })),
  { name: "gateway", type: "string" },
  { name: "budget_per_month", type: "uint256" },
  { name: "min_speed", type: "uint256" },
  { name: "data_centers", type: "string[]" },
  { name: "claims", type: "string[]" },
  { name: "weighted_providers", type: "address[]" },
  { name: "weights_ppm", type: "uint256[]" },
];

/** The struct hash of a wish beside an offer. */
export function hashWish(wish: Wish, offer: string): Uint8Array {
  const weights = wish.provider_weights ?? {};
  const providers = Object.keys(weights).sort();
  return hashStruct("Wish", WISH, {
    min_uptime_ppm: 0,
    max_evictions: ANY_EVICTIONS,
    min_age_epochs: 0,
    max_latency_ms: 0,
    gateway: "",
    budget_per_month: 0,
    min_speed: 0,
    data_centers: [],
    claims: [],
    ...wish,
    offer,
    weighted_providers: providers,
    weights_ppm: providers.map((provider) => weights[provider] ?? 0),
  });
}

export function isSignedBy(signed: SignedWish, offer: string, developer: string, domain: Domain): boolean {
  const signer = recoverSigner(digestOf(domain, hashWish(signed.wish, offer)), signed.signature);
  return signer !== null && isSame(signer, developer);
}

/** What all units may cost in an epoch by the wish, rounded down; null: whatever. */
export function ceilingOf(wish: Wish, epochSeconds: number): bigint | null {
  if (wish.budget_per_month === undefined) return null;
  return (BigInt(wish.budget_per_month) * BigInt(epochSeconds)) / MONTH_SECONDS;
}

function speedOf(facts: PeerFacts | undefined): number {
  const workloads = facts?.document?.benchmark?.workloads ?? [];
  const took = workloads.reduce((sum, entry) => sum + entry.microseconds, 0);
  return took > 0 ? Math.floor(workloads.reduce((sum, entry) => sum + entry.work, 0) / took) : 0;
}

/** Why a wish excludes a peer, by what the book knows of it; null: it does not. */
export function wishAgainst(wish: Wish, facts: PeerFacts | undefined): string | null {
  const site = facts?.document?.site?.id ?? "";
  if (wish.data_centers?.length && !wish.data_centers.includes(site)) {
    return site === "" ? "it names no data center, and some were wished" : `it stands in ${site}, others were wished`;
  }
  if (speedOf(facts) < (wish.min_speed ?? 0)) return `its speed is ${speedOf(facts)}, wished were ${wish.min_speed}`;
  const claims = (facts?.document?.claims ?? []).map((claim) => claim.kind);
  const lacking = (wish.claims ?? []).find((kind) => !claims.includes(kind));
  if (lacking !== undefined) return `it does not claim ${lacking}`;
  const history = facts?.history;
  if ((history?.uptime_ppm ?? -1) < (wish.min_uptime_ppm ?? -1)) return "it proved too small a share of its epochs";
  const most = wish.max_evictions ?? ANY_EVICTIONS;
  if (most !== ANY_EVICTIONS && (history === undefined || history.evictions > most)) return "it was evicted too often";
  if ((history?.age_epochs ?? -1) < (wish.min_age_epochs ?? -1)) return "it is not registered for long enough";
  const measured = facts?.latencies?.find((entry) => entry.gateway === wish.gateway);
  if (measured !== undefined && wish.max_latency_ms && measured.ms > wish.max_latency_ms) {
    return `it took ${measured.ms} ms by ${measured.gateway}, wished were ${wish.max_latency_ms}`;
  }
  return null;
}

/** What a wish asks for, in words. */
export function describeWish(wish: Wish): string {
  const parts: string[] = [];
  const say = (text: string) => parts.push(text);
  if (wish.data_centers?.length) say(`in ${wish.data_centers.join(" or ")}`);
  if (wish.min_uptime_ppm) say(`uptime of at least ${wish.min_uptime_ppm / 10_000} %`);
  if (wish.max_evictions !== undefined) say(`at most ${wish.max_evictions} evictions`);
  if (wish.min_age_epochs) say(`registered for ${wish.min_age_epochs} epochs`);
  if (wish.max_latency_ms) say(`at most ${wish.max_latency_ms} ms where ${wish.gateway} measured it`);
  if (wish.min_speed) say(`speed of at least ${wish.min_speed}`);
  if (wish.claims?.length) say(`claiming ${wish.claims.join(" and ")}`);
  if (wish.budget_per_month !== undefined) say("within a budget a month");
  if (Object.keys(wish.provider_weights ?? {}).length > 0) say("some providers preferred");
  return parts.join(", ");
}
