/** Events of the chain as sentences, with links to what they are about. */

import type { ComponentChildren } from "preact";

import { formatCount, formatUsdc } from "../data/amounts";
import { useHistory } from "../data/resources";
import { formatClock } from "../data/texts";
import type { ChainEvent } from "../data/views";
import { Link, Shown } from "./basics";

const SENTENCES: Record<string, (event: ChainEvent) => string> = {
  Activated: (e) => `activated from epoch ${epoch(e.epoch)}`,
  AppChanged: () => "has a new version of its app",
  Assigned: (e) => `got ${e.units} units at ${usdc(e.price)}`,
  Claimed: (e) => `claimed ${usdc(e.paid)}, ${usdc(e.refunded)} went back`,
  // Peer 0 is nobody's: anybody may commit it, to show that commitments could be made.
  Committed: (e) => `${String(e.peer) === "0" ? "the pulse of" : "proved"} epoch ${epoch(e.epoch)}`,
  CounterBumped: () => "an account withdrew all its offers",
  DealBalance: (e) => `balance is now ${usdc(e.balance)}`,
  DealCreated: (e) => `began with ${usdc(e.deposit)}`,
  Deposited: (e) => `an account put in ${usdc(e.amount)}`,
  Ended: (e) => `ended in epoch ${epoch(e.end)}`,
  FillSkipped: () => "a fill was skipped",
  Lapsed: (e) => `ran out of money after epoch ${epoch(e.last)}`,
  Matched: (e) => `has ${e.units} units`,
  OfferCancelled: () => "an offer was cancelled",
  OfferPublished: () => "an offer was published",
  PeerEndpoint: () => "has a new endpoint",
  PeerRegistered: (e) => `registered ${e.units} units`,
  PeerUnits: (e) => `has ${e.units} units now`,
  PeerWallet: () => "has a new wallet",
  Redeemed: (e) => `was paid ${usdc(e.paid)} for its work`,
  Stopped: (e) => `was stopped, ${usdc(e.returned)} went back`,
  Withdrawn: (e) => `an account took out ${usdc(e.amount)}`,
};

function epoch(value: unknown): string {
  return formatCount(Number(value));
}

function usdc(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? `${formatUsdc(BigInt(value))} USDC` : "?";
}

export function describeEvent(event: ChainEvent): string {
  return SENTENCES[event.name]?.(event) ?? event.name;
}

export function subjectOf(event: ChainEvent): ComponentChildren {
  const found: ComponentChildren[] = [];
  if (typeof event.deal === "number" || typeof event.deal === "string") {
    found.push(<Link to={`/deals/${event.deal}`}>deal {String(event.deal)}</Link>, " ");
  }
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
