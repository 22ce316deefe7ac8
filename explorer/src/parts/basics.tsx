/** The small parts that all pages are made of. Whatever a stranger wrote is shown as text alone. */

import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";

import { formatFlt, formatUsdc } from "../data/amounts";
import type { Resource } from "../data/resources";
import { BASE, navigate } from "../data/router";
import { getSettings } from "../data/settings";
import { capitalize, cidOf, regionCode, regionName, shorten, ZERO_ADDRESS } from "../data/texts";

interface LinkProps {
  to: string;
  children: ComponentChildren;
  class?: string;
  title?: string;
  current?: boolean;
  label?: string;
}

/** A link within the explorer. */
export function Link(props: LinkProps) {
  function follow(event: MouseEvent) {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    navigate(props.to);
  }
  return (
    <a
      href={BASE + props.to}
      onClick={follow}
      class={props.class}
      title={props.title}
      aria-label={props.label}
      aria-current={props.current ? "page" : undefined}
    >
      {props.children}
    </a>
  );
}

/** Leads to the payment gateway's page, where USDC is bought by card; nothing where none is known. */
export function BuyLink(props: { purpose: `deal=${number}` | `account=${string}` }) {
  const { payments } = getSettings();
  if (payments === null) return null;
  return (
    <a class="action" href={`${payments}/buy?${props.purpose}`} rel="noreferrer">
      Buy with a card
    </a>
  );
}

export function Card(props: {
  title?: ComponentChildren;
  note?: ComponentChildren;
  aside?: ComponentChildren;
  wide?: boolean;
  children: ComponentChildren;
}) {
  return (
    <section class={props.wide ? "card wide" : "card"}>
      {props.title !== undefined && (
        <header class="card-head">
          <div>
            <h2>{props.title}</h2>
            {props.note !== undefined && <p class="note">{props.note}</p>}
          </div>
          {props.aside}
        </header>
      )}
      {props.children}
    </section>
  );
}

export function Tile(props: { label: string; children: ComponentChildren; note?: ComponentChildren }) {
  return (
    <div class="tile">
      <dt>{props.label}</dt>
      <dd>
        <span class="figure">{props.children}</span>
        {props.note !== undefined && <span class="note">{props.note}</span>}
      </dd>
    </div>
  );
}

export function Tiles(props: { children: ComponentChildren }) {
  return <dl class="tiles">{props.children}</dl>;
}

export function Usdc(props: { amount: bigint | string }) {
  return (
    <span class="amount">
      {formatUsdc(props.amount)}
      <span class="unit"> USDC</span>
    </span>
  );
}

export function Flt(props: { amount: bigint | string }) {
  return (
    <span class="amount">
      {formatFlt(props.amount)}
      <span class="unit"> FLT</span>
    </span>
  );
}

/** A hash or an address, short, with a button that copies the whole. */
export function Name(props: { text: string; to?: string; what: string }) {
  const [isCopied, setCopied] = useState(false);
  async function copy() {
    await navigator.clipboard.writeText(props.text);
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  }
  const short = <code title={props.text}>{shorten(props.text)}</code>;
  return (
    <span class="name">
      {props.to === undefined ? short : <Link to={props.to}>{short}</Link>}
      <button type="button" class="copy" onClick={copy} aria-label={`Copy ${props.what} ${shorten(props.text)}`}>
        <svg viewBox="0 0 16 16" aria-hidden="true">
          {isCopied ? (
            <path d="M3 8.5l3.2 3.2L13 5" />
          ) : (
            <path d="M6 5h7v8H6zM3 11V3h7" />
          )}
        </svg>
      </button>
    </span>
  );
}

export function AccountName(props: { address: string }) {
  if (props.address === ZERO_ADDRESS) return <span class="note">anybody</span>;
  return <Name text={props.address} to={`/accounts/${props.address}`} what="address" />;
}

export function AppName(props: { app: string }) {
  return <Name text={cidOf(props.app)} to={`/apps/${props.app}`} what="app" />;
}

export function OfferName(props: { hash: string }) {
  return <Name text={props.hash} to={`/offers/${props.hash}`} what="offer" />;
}

export function PeerName(props: { peer: number }) {
  return <Link to={`/peers/${props.peer}`}>peer {props.peer}</Link>;
}

export function DealName(props: { deal: number }) {
  return <Link to={`/deals/${props.deal}`}>deal {props.deal}</Link>;
}

export function RegionName(props: { region: number }) {
  return (
    <abbr class="region" title={regionName(props.region)}>
      {regionCode(props.region)}
    </abbr>
  );
}

const TONES: Record<string, string> = {
  running: "good",
  active: "good",
  metered: "good",
  answers: "good",
  final: "good",
  verified: "good",
  answered: "good",
  acquitted: "good",
  judging: "good",
  proven: "good",
  pending: "wait",
  waiting: "wait",
  submitting: "wait",
  short: "wait",
  open: "wait",
  drawn: "wait",
  shown: "wait",
  partly: "wait",
  lapsed: "bad",
  convicted: "bad",
  unmatched: "bad",
  unfunded: "bad",
  silent: "bad",
  wrong: "bad",
  missed: "bad",
};

/** A state: the word says it, the colour only repeats it. */
export function State(props: { name: string; title?: string }) {
  return (
    <span class={`state ${TONES[props.name] ?? "calm"}`} title={props.title}>
      {capitalize(props.name)}
    </span>
  );
}

/** Facts as a list of names and values. */
export function Facts(props: { rows: [string, ComponentChildren][] }) {
  return (
    <dl class="facts">
      {props.rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

export interface Column<T> {
  name: string;
  cell(row: T): ComponentChildren;
  isNumber?: boolean;
  /** Long words, which may take several lines. */
  isText?: boolean;
}

interface TableProps<T> {
  caption: string;
  columns: Column<T>[];
  rows: T[];
  keyOf(row: T): string | number;
  empty?: string;
  most?: number;
}

/** A table that scrolls by itself where it is too wide, and grows on demand. */
export function Table<T>(props: TableProps<T>) {
  const step = props.most ?? 12;
  const [shown, setShown] = useState(step);
  if (props.rows.length === 0) return <p class="empty">{props.empty ?? "Nothing yet."}</p>;
  const cellClass = (column: Column<T>) => (column.isNumber ? "number" : column.isText ? "text" : undefined);
  return (
    <>
      <div class="table-room" tabIndex={0} role="region" aria-label={props.caption}>
        <table>
          <caption class="hidden">{props.caption}</caption>
          <thead>
            <tr>
              {props.columns.map((column) => (
                <th scope="col" key={column.name} class={cellClass(column)}>
                  {column.name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {props.rows.slice(0, shown).map((row) => (
              <tr key={props.keyOf(row)}>
                {props.columns.map((column) => (
                  <td key={column.name} class={cellClass(column)}>
                    {column.cell(row)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {props.rows.length > shown && (
        <button type="button" class="more" onClick={() => setShown(shown + 4 * step)}>
          Show more of {props.rows.length.toLocaleString("en")}
        </button>
      )}
    </>
  );
}

/** What was read, or why it could not be, or that it is being read. */
export function Shown<T>(props: { of: Resource<T>; children: (data: T) => JSX.Element; missing?: string }) {
  const { data, problem } = props.of;
  if (data !== undefined) return props.children(data);
  if (problem === undefined) return <p class="loading">Loading …</p>;
  if (problem.isMissing && props.missing !== undefined) return <p class="empty">{props.missing}</p>;
  return (
    <p class="problem" role="alert">
      {capitalize(problem.message)}.{problem.remedy !== null && <> {capitalize(problem.remedy)}.</>}
    </p>
  );
}

export function Meter(props: { part: number; whole: number; label: string }) {
  const share = props.whole > 0 ? Math.min(100, (100 * props.part) / props.whole) : 0;
  return (
    <svg class="meter" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label={props.label}>
      <rect class="meter-whole" width="100" height="6" rx="3" />
      <rect class="meter-part" width={share} height="6" rx="3" />
    </svg>
  );
}
