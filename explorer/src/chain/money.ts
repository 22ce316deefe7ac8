/** Compute anew what a match is worth: its surplus, its limits, and how far it is from the best. */

import { formatPpm, formatUsdc } from "../data/amounts";
import type { Match } from "../data/views";
import type { BookDemand, Contender } from "./books";
import type { Finding } from "./receipts";
import { boundOf, budgetOf, type Choice, gapPpm, type Money, surplusOf, weightOf } from "./surplus";
import { ceilingOf } from "./wishes";

function moneyOf(demand: BookDemand, isMetered: boolean): Money {
  return {
    balance: BigInt(demand.balance),
    maxPrice: BigInt(String(demand.offer.max_price)),
    units: BigInt(String(demand.offer.units)),
    spent: demand.live.reduce((sum, entry) => sum + BigInt(entry.price) * BigInt(entry.units), 0n),
    isMetered,
    ceiling: demand.wish === undefined ? null : ceilingOf(demand.wish.wish, demand.epoch_seconds ?? 0),
  };
}

/** How many units it still wanted. */
function wantOf(demand: BookDemand): number {
  const have = demand.live.reduce((sum, entry) => sum + entry.units, 0);
  const going = demand.live
    .filter((entry) => demand.replacing?.includes(entry.id))
    .reduce((sum, entry) => sum + entry.units, 0);
  return Math.max(0, Number(demand.offer.units) - have - Math.max(0, (demand.hold ?? 0) - going));
}

/** Of each peer the cheapest offer that it could have been taken at. */
function choicesOf(contenders: Contender[]): Choice[] {
  const byPeer = new Map<number, Choice>();
  for (const entry of contenders.filter((contender) => contender.isEligible)) {
    const known = byPeer.get(entry.peer.id);
    if (known === undefined || entry.price < known.price) {
      const units = Math.max(0, entry.peer.units - entry.peer.used);
      byPeer.set(entry.peer.id, { price: entry.price, units, provider: entry.peer.provider });
    }
  }
  return [...byPeer.values()];
}

/** How many units it may still have of a provider. */
function roomOf(demand: BookDemand, owners: Map<number, string>): (provider: string) => number {
  const cap = Number(demand.offer.max_units_per_provider);
  if (cap === 0) return () => Number.POSITIVE_INFINITY;
  return (provider) =>
    demand.live
      .filter((entry) => owners.get(entry.peer) === provider)
      .reduce((left, entry) => Math.max(0, left - entry.units), cap);
}

/** Check the amounts of a match's record against its fills and its book. */
export function checkMoney(
  match: Match,
  demand: BookDemand,
  contenders: Contender[],
  owners: Map<number, string>,
  isMetered: boolean,
): Finding[] {
  const findings: Finding[] = [];
  const say = (what: string, ok: boolean | null, detail: string) => findings.push({ what, ok, detail });
  const money = moneyOf(demand, isMetered);
  const fills = match.fills.map((fill) => ({ price: BigInt(fill.price), units: fill.units }));
  const taken = fills.reduce((sum, fill) => sum + fill.units, 0);
  const want = wantOf(demand);
  const isRoom = contenders.every((entry) => entry.units <= Math.max(0, entry.peer.units - entry.peer.used));
  const least = demand.deal === 0 ? Number(demand.offer.min_units) : 0;
  const fits = taken <= want && taken >= least && isRoom;
  say("Units", fits, `${taken} of the ${want} it still wanted, of each peer no more than it had free`);
  const budget = budgetOf(money);
  const cost = fills.reduce((sum, fill) => sum + fill.price * BigInt(fill.units), 0n);
  const source = money.ceiling === null ? "its balance" : "its balance and its wish";
  say("Budget", cost <= budget, `by ${source} an epoch of new units may cost ${formatUsdc(budget)} USDC`);

  const weight = weightOf(money);
  const surplus = surplusOf(fills, weight);
  const worth = `a unit counts for ${formatUsdc(weight)} USDC, so these give ${formatUsdc(surplus)}`;
  say("Surplus", surplus === BigInt(match.saving), `${worth}, as the record says`);
  const bound = BigInt(match.bound);
  const gap = gapPpm(surplus, bound);
  const others = match.offers.length - 1;
  if (others === 0) {
    say("Gap", surplus <= bound && gap === match.gap_ppm, `surplus and bound of the record give ${formatPpm(gap)}`);
    const most = boundOf(choicesOf(contenders), want, weight, roomOf(demand, owners));
    say(
      "Best",
      surplus >= most ? true : null,
      surplus >= most
        ? "no choice of the book's units would have counted for more"
        : `no choice counts for more than ${formatUsdc(most)} USDC; whether regions and money let any reach it, the replay tells`,
    );
  } else {
    const told = `${others} more demands were in the round: with these alone the gap is at most ${formatPpm(gap)}`;
    say("Gap", surplus <= bound && match.gap_ppm <= gap, `${told}, the record says ${formatPpm(match.gap_ppm)}`);
  }
  return findings;
}
