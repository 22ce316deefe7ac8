/** Events of the chain as sentences, with links to what they are about. */

import type { ComponentChildren } from "preact";

import { formatCount, formatFlt, formatUsdc } from "../data/amounts";
import { useHistory } from "../data/resources";
import { formatClock } from "../data/texts";
import type { ChainEvent } from "../data/views";
import { Link, Shown } from "./basics";

const SENTENCES: Record<string, (event: ChainEvent) => string> = {
  Activated: (e) => `activated from epoch ${epoch(e.epoch)}`,
  AppChanged: () => "has a new version of its app",
  Assigned: (e) => `got ${e.units} units at ${usdc(e.price)}`,
  Balance: () => "an account's money in Audits changed",
  Claimed: (e) => `claimed ${usdc(e.paid)}, ${usdc(e.refunded)} went back`,
  // Peer 0 is nobody's: anybody may commit it, to show that commitments could be made.
  Closed: (e) => `is over: ${OUTCOMES[Number(e.outcome)] ?? "?"}`,
  Committed: (e) => `${String(e.peer) === "0" ? "the pulse of" : "proved"} epoch ${epoch(e.epoch)}`,
  Contradicted: (e) => `was convicted by its peer's own words, ${flt(e.seized)} seized`,
  CounterBumped: () => "an account withdrew all its offers",
  DealBalance: (e) => `balance is now ${usdc(e.balance)}`,
  DealCreated: (e) => `began with ${usdc(e.deposit)}`,
  Deposited: (e) => `an account put in ${usdc(e.amount)}`,
  Drawn: () => "has its jury",
  Ended: (e) => `ended in epoch ${epoch(e.end)}`,
  FillSkipped: () => "a fill was skipped",
  Lapsed: (e) => `ran out of money after epoch ${epoch(e.last)}`,
  Matched: (e) => `has ${e.units} units`,
  OfferCancelled: () => "an offer was cancelled",
  OfferPublished: () => "an offer was published",
  Opened: (e) => (String(e.kind) === "1" ? "has to show a call" : "a call of it is said to be wrong"),
  PeerEndpoint: () => "has a new endpoint",
  PeerRegistered: (e) => `registered ${e.units} units`,
  PeerUnits: (e) => `has ${e.units} units now`,
  PeerWallet: () => "has a new wallet",
  Phase: () => "went on",
  Redeemed: (e) => `was paid ${usdc(e.paid)} for its work`,
  Revealed: () => "a vote was shown",
  Seat: (e) => `juror's seat ${e.seat}`,
  Stopped: (e) => `was stopped, ${usdc(e.returned)} went back`,
  Voted: () => "a juror voted",
  Withdrawn: (e) => `an account took out ${usdc(e.amount)}`,
};

const OUTCOMES: Record<number, string> = { 1: "answered", 2: "convicted", 3: "acquitted", 4: "void" };

function epoch(value: unknown): string {
  return formatCount(Number(value));
}

function usdc(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? `${formatUsdc(BigInt(value))} USDC` : "?";
}

function flt(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? `${formatFlt(BigInt(value))} FLT` : "?";
}

export function describeEvent(event: ChainEvent): string {
  return SENTENCES[event.name]?.(event) ?? event.name;
}

export function subjectOf(event: ChainEvent): ComponentChildren {
  const found: ComponentChildren[] = [];
  if (typeof event.deal === "number" || typeof event.deal === "string") {
    found.push(<Link to={`/deals/${event.deal}`}>deal {String(event.deal)}</Link>, " ");
  }
  if (event.case !== undefined) found.push(<Link to={`/cases/${event.case}`}>case {String(event.case)}</Link>, " ");
  if (event.assignment !== undefined) found.push(`assignment ${String(event.assignment)} `);
  if (event.peer !== undefined && String(event.peer) !== "0") {
    found.push(<Link to={`/peers/${event.peer}`}>peer {String(event.peer)}</Link>, " ");
  }
  return found;
}

export function EventList(props: { events: ChainEvent[]; empty: string }) {
  if (props.events.length === 0) return <p class="empty">{props.empty}</p>;
  return (
    <ol class="events">
      {props.events.map((event) => (
        <li key={event.id}>
          <time dateTime={new Date(event.timestamp * 1000).toISOString()}>{formatClock(event.timestamp)}</time>
          <span>
            {subjectOf(event)}
            {describeEvent(event)}
          </span>
          <code title={`transaction ${event.tx}`}>{event.name}</code>
        </li>
      ))}
    </ol>
  );
}

export function LatestEvents() {
  const found = useHistory("", 12);
  return <Shown of={found}>{(events) => <EventList events={events} empty="Nothing has happened yet." />}</Shown>;
}
