/** Find what a number, an address, a hash, a CID or an alias stands for. */

import { useEffect, useState } from "preact/hooks";

import { askGateway, askMatcher, Problem } from "../data/fetching";
import { useAll, useHistory } from "../data/resources";
import { navigate } from "../data/router";
import { digestOf, formatTime } from "../data/texts";
import type { Assignment, ChainEvent, Deal, Match, Offer, Page, Peer, ServiceStatus } from "../data/views";
import { AppName, Card, Link, Name, Shown } from "../parts/basics";
import { EventList } from "../parts/latest";
import { DealTable } from "./account";

interface Hit {
  to: string;
  title: string;
  note: string;
}

/** The hit where the question has an answer, nothing where there is none. */
async function tryHit<T>(read: Promise<T>, build: (found: T) => Hit | null): Promise<Hit[]> {
  try {
    const hit = build(await read);
    return hit === null ? [] : [hit];
  } catch (error) {
    if (error instanceof Problem && error.status >= 400 && error.status < 500) return [];
    throw error;
  }
}

function searchNumber(text: string): Promise<Hit[]>[] {
  const n = Number(text);
  return [
    tryHit(askMatcher<Deal>(`/v1/deals/${n}`), (d) => ({ to: `/deals/${n}`, title: `Deal ${n}`, note: `${d.status}, ${d.units} units` })),
    tryHit(askMatcher<Peer>(`/v1/peers/${n}`), (p) => ({ to: `/peers/${n}`, title: `Peer ${n}`, note: `${p.units} units` })),
    tryHit(askMatcher<Assignment>(`/v1/assignments/${n}`), (a) => ({
      to: `/deals/${a.deal}#assignment-${n}`,
      title: `Assignment ${n}`,
      note: `of deal ${a.deal} to peer ${a.peer}`,
    })),
    tryHit(askMatcher<Match>(`/v1/matches/${n}`), (m) => ({ to: `/matches/${n}`, title: `Match ${n}`, note: m.deal === null ? "" : `of deal ${m.deal}` })),
    tryHit(askMatcher<{ start: number; units: number }>(`/v1/epochs/${n}`), (e) =>
      e.units === 0 ? null : { to: `/epochs/${n}`, title: `Epoch ${n}`, note: formatTime(e.start) },
    ),
  ];
}

function searchHash(hash: string): Promise<Hit[]>[] {
  return [
    tryHit(askMatcher<Offer>(`/v1/developer-offers/${hash}`), (o) => ({ to: `/offers/${hash}`, title: "A developer's offer", note: o.status })),
    tryHit(askMatcher<Offer>(`/v1/provider-offers/${hash}`), (o) => ({ to: `/offers/${hash}`, title: "A provider's offer", note: o.status })),
    tryHit(askMatcher<Page<Deal>>(`/v1/deals?app=${hash}`), (page) =>
      page.items.length === 0 ? null : { to: `/apps/${hash}`, title: "An app", note: `${page.items.length} deals run or ran it` },
    ),
    tryHit(askMatcher<Page<Match>>("/v1/matches?limit=1000"), (page) => {
      const match = page.items.find((entry) => entry.book === hash);
      return match ? { to: `/matches/${match.id}`, title: `Match ${match.id}`, note: "by its book" } : null;
    }),
    tryHit(askMatcher<Page<ChainEvent>>(`/v1/history?tx=${hash}`), (page) =>
      page.items.length === 0 ? null : { to: `/transactions/${hash}`, title: "A transaction", note: `${page.items.length} events` },
    ),
    tryHit(askMatcher<Page<Peer>>("/v1/peers?limit=1000"), (page) => {
      const peer = page.items.find((entry) => entry.key === hash);
      return peer ? { to: `/peers/${peer.id}`, title: `Peer ${peer.id}`, note: "by its key" } : null;
    }),
  ];
}

async function searchAlias(name: string): Promise<Hit[]> {
  const status = await askGateway<ServiceStatus>("/v1/status").catch(() => null);
  const aliases = (status?.extra.aliases ?? {}) as Record<string, number>;
  return Object.entries(aliases)
    .filter(([alias]) => alias.toLowerCase().includes(name.toLowerCase()))
    .map(([alias, deal]) => ({ to: `/deals/${deal}`, title: alias, note: `alias of deal ${deal} at the gateway` }));
}

/** Ask for everything that a text can stand for, at once. */
async function search(text: string): Promise<Hit[]> {
  const given = text.trim();
  if (/^\d{1,15}$/.test(given)) return (await Promise.all(searchNumber(given))).flat();
  if (/^0x[0-9a-fA-F]{40}$/.test(given)) return [{ to: `/accounts/${given}`, title: "An account", note: given }];
  if (/^0x[0-9a-fA-F]{64}$/.test(given)) return (await Promise.all(searchHash(given.toLowerCase()))).flat();
  const digest = digestOf(given);
  if (digest !== null) return (await Promise.all(searchHash(digest))).flat();
  return searchAlias(given);
}

export function SearchPage(props: { text: string }) {
  const [hits, setHits] = useState<Hit[] | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  useEffect(() => {
    let isOver = false;
    setHits(null);
    setProblem(null);
    search(props.text)
      .then((found) => {
        if (isOver) return;
        setHits(found);
        const [only] = found;
        if (found.length === 1 && only !== undefined) navigate(only.to, true);
      })
      .catch((error) => !isOver && setProblem(error instanceof Error ? error.message : String(error)));
    return () => {
      isOver = true;
    };
  }, [props.text]);
  return (
    <>
      <h1 tabIndex={-1}>Search</h1>
      <p class="lead">
        For <b class="stranger">{props.text || "nothing"}</b>
      </p>
      <Card title="Found" wide>
        {problem !== null && (
          <p class="problem" role="alert">
            {problem}.
          </p>
        )}
        {hits === null && problem === null && <p class="loading">Looking …</p>}
        {hits?.length === 0 && (
          <p class="empty">
            Nothing of that name. Give the number of a deal, peer, assignment, match or epoch, an address, the hash of an
            offer, app, key, book or transaction, a CID, or a gateway's alias.
          </p>
        )}
        <ul class="hits">
          {hits?.map((hit) => (
            <li key={hit.to}>
              <Link to={hit.to}>{hit.title}</Link> <span class="note stranger">{hit.note}</span>
            </li>
          ))}
        </ul>
      </Card>
    </>
  );
}

/** What a transaction did. */
export function TransactionPage(props: { tx: string }) {
  const found = useHistory(`tx=${props.tx}`);
  return (
    <>
      <h1 tabIndex={-1}>Transaction</h1>
      <p class="lead">
        <Name text={props.tx} what="transaction" />
      </p>
      <Card title="What it did" note="Events of the market's contracts, the last first" wide>
        <Shown of={found}>{(events) => <EventList events={events} empty="Nothing at this market." />}</Shown>
      </Card>
    </>
  );
}

/** Deals that run one app. */
export function AppPage(props: { app: string }) {
  const deals = useAll<Deal>(`/v1/deals?app=${props.app}`);
  return (
    <>
      <h1 tabIndex={-1}>App</h1>
      <p class="lead">
        <AppName app={props.app} />
      </p>
      <Card title="Deals that run it" wide>
        <Shown of={deals}>{(rows) => <DealTable deals={rows} empty="No deal runs it." />}</Shown>
      </Card>
    </>
  );
}
