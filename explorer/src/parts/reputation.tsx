/** How a peer or provider kept what it sold, from the chain: figures, the events of each, days. */

import { useState } from "preact/hooks";

import { formatCount, formatFlt, formatPpm, formatUnits, formatUsdc, toDrawn, USDC_DECIMALS } from "../data/amounts";
import { askGateway } from "../data/fetching";
import { useMatcher, useReading } from "../data/resources";
import { getSettings } from "../data/settings";
import { capitalize, formatTime, pluralOf, startOf } from "../data/texts";
import type { Assignment, Page, RecordedEpoch, Reputation, ReputationEvent, ReputationWindow } from "../data/views";
import { Card, DealName, Link, Name, PeerName, Shown, State, Table, Usdc } from "./basics";
import { Chart } from "./chart";

interface Figure {
  name: string;
  /** What the matcher calls the figure whose events these are; null: of no events. */
  events: string | null;
  write(window: ReputationWindow): string;
}

const counted = (kind: string) => (window: ReputationWindow) => formatCount(window.counts[kind] ?? 0);
const share = (ppm: number | null) => (ppm === null ? "–" : formatPpm(ppm));

const FIGURES: Figure[] = [
  { name: "Uptime: proven share of active epochs", events: null, write: (w) => share(w.uptime_ppm) },
  { name: "Epochs proven", events: "proven", write: (w) => `${formatCount(w.proven)} of ${formatCount(w.active)}` },
  { name: "Assigned", events: "assigned", write: counted("assigned") },
  { name: "Activated in time", events: "activated", write: counted("activated") },
  { name: "Activated late", events: "activated_late", write: counted("activated_late") },
  { name: "Rejected", events: "rejected", write: counted("rejected") },
  { name: "Left in mid-run", events: "left", write: counted("left") },
  { name: "Dropped by developers", events: "dropped", write: counted("dropped") },
  { name: "Ran to the end", events: "finished", write: counted("finished") },
  { name: "Evicted", events: "evictions", write: (w) => formatCount(w.evictions) },
  { name: "Evicted with a fine", events: "faults", write: (w) => formatCount(w.faults) },
  { name: "Audits won", events: "audits_won", write: (w) => formatCount(w.audits_won) },
  { name: "Audits lost", events: "audits_lost", write: (w) => formatCount(w.audits_lost) },
  { name: "Paid out, USDC", events: "paid", write: (w) => formatUsdc(w.paid) },
  { name: "Went back, USDC", events: "refunded", write: (w) => formatUsdc(w.refunded) },
  { name: "Seized, FLT", events: "seized", write: (w) => formatFlt(w.seized) },
];

const LONGEST = 90;
const EARNINGS_SHOWN = 48;

/** What there is to a reputation; `path` is that of the peer or provider. */
export function ReputationCards(props: { path: string; peers: number[]; assignments: Assignment[] }) {
  const found = useMatcher<Reputation>(`${props.path}/reputation`);
  return (
    <>
      <Card
        title="Reputation"
        note="Counted from events of the chain alone; choose a figure to see its events"
        wide
      >
        <Shown of={found} missing="It has no peer yet.">{(said) => <FigureTable said={said} path={props.path} />}</Shown>
      </Card>
      <Card title="Uptime" note="An epoch is proven when every peer that ran something committed to its receipts in time">
        <Shown of={found} missing="It has no peer yet.">{(said) => <UptimeCalendar said={said} />}</Shown>
      </Card>
      <Card title="Earnings by epoch" note="Pay of proven epochs; what was not proven goes back to developers">
        <Shown of={found} missing="It has no peer yet.">{(said) => <EarningsByEpoch days={said.epochs} />}</Shown>
      </Card>
      <MeasuredCard peers={props.peers} />
      <Card title="Earnings by deal">
        <EarningsByDeal rows={props.assignments} />
      </Card>
      <Card title="Refunds and why" note="What went back to developers">
        <Shown of={found} missing="It has no peer yet.">{(said) => <Refunds said={said} />}</Shown>
      </Card>
    </>
  );
}

function FigureTable(props: { said: Reputation; path: string }) {
  const [chosen, choose] = useState<Figure | null>(null);
  const { windows } = props.said;
  return (
    <>
      <p>
        Registered for <b>{pluralOf(props.said.age_epochs, "epoch")}</b>, bond <b>{formatFlt(props.said.bond)} FLT</b>.
      </p>
      <Table
        caption="Figures by number of epochs"
        rows={FIGURES}
        keyOf={(row) => row.name}
        most={FIGURES.length}
        columns={[
          {
            name: "Over the last",
            cell: (row) =>
              row.events === null ? (
                row.name
              ) : (
                <button
                  type="button"
                  class="quiet figure-name"
                  aria-expanded={chosen === row}
                  onClick={() => choose(chosen === row ? null : row)}
                >
                  {row.name}
                </button>
              ),
          },
          ...windows.map((window) => ({
            name: `${window.epochs} epochs`,
            isNumber: true,
            cell: (row: Figure) => row.write(window),
          })),
        ]}
      />
      <Reasons of={windows.at(-1)} />
      {chosen?.events && <FigureEvents key={chosen.events} figure={chosen} path={props.path} />}
    </>
  );
}

function Reasons(props: { of: ReputationWindow | undefined }) {
  const reasons = props.of?.reasons ?? [];
  if (reasons.length === 0) return null;
  return (
    <p class="note">
      Why, over {LONGEST} epochs:{" "}
      {reasons.map((entry) => `${capitalize(entry.kind).toLowerCase()}: ${entry.text} (${entry.count})`).join("; ")}.
    </p>
  );
}

function FigureEvents(props: { figure: Figure; path: string }) {
  const query = `figure=${props.figure.events}&epochs=${LONGEST}&limit=200`;
  const found = useMatcher<Page<ReputationEvent>>(`${props.path}/reputation/events?${query}`);
  return (
    <div class="figure-events">
      <h3>{props.figure.name}</h3>
      <Shown of={found}>
        {(page) => (
          <Table
            caption={`Events of ${props.figure.name}`}
            rows={page.items}
            keyOf={(row) => `${row.in_block}:${row.log_index}`}
            empty={`No such event in ${LONGEST} epochs.`}
            columns={[
              { name: "Event", cell: (row) => capitalize(row.kind) },
              { name: "Epoch", isNumber: true, cell: (row) => <Link to={`/epochs/${row.epoch}`}>{formatCount(row.epoch)}</Link> },
              { name: "Block, log", isNumber: true, cell: (row) => `${formatCount(row.in_block)}, ${row.log_index}` },
              { name: "Transaction", cell: (row) => <Name text={row.tx} to={`/transactions/${row.tx}`} what="transaction" /> },
              { name: "Peer", cell: (row) => <PeerName peer={row.peer} /> },
              { name: "Deal", cell: (row) => (row.deal === null ? "–" : <DealName deal={row.deal} />) },
              { name: "Why", isText: true, cell: (row) => row.reason_text ?? proofOf(row) },
            ]}
          />
        )}
      </Shown>
    </div>
  );
}

function proofOf(event: ReputationEvent): string {
  return event.proven_epoch === null ? "–" : `proves epoch ${formatCount(event.proven_epoch)}`;
}

type DayState = "proven" | "partly" | "missed" | "idle";

function stateOf(day: RecordedEpoch | undefined): DayState {
  if (day === undefined || day.active === 0) return "idle";
  if (day.proven === day.active) return "proven";
  return day.proven > 0 ? "partly" : "missed";
}

/** One square an epoch, and the same as a table. */
function UptimeCalendar(props: { said: Reputation }) {
  const { said } = props;
  const first = Math.max(said.windows.at(-1)?.first ?? 0, said.registered_epoch);
  const byEpoch = new Map(said.epochs.map((day) => [day.epoch, day]));
  const epochs = Array.from({ length: Math.max(said.final_epoch - first + 1, 0) }, (_, index) => first + index);
  const states = epochs.map((epoch) => stateOf(byEpoch.get(epoch)));
  const count = (state: DayState) => states.filter((entry) => entry === state).length;
  const active = epochs.filter((_, index) => states[index] !== "idle");
  if (active.length === 0) return <p class="empty">No final epoch in which it had to prove anything yet.</p>;
  const words = `${count("proven")} epochs proven, ${count("partly")} partly, ${count("missed")} missed`;
  return (
    <>
      <p>
        Of {pluralOf(active.length, "active epoch")}: <b>{count("proven")}</b> proven, <b>{count("partly")}</b> by some
        peers, <b>{count("missed")}</b> missed.
      </p>
      <div class="calendar" role="img" aria-label={words}>
        {epochs.map((epoch, index) => (
          <span
            key={epoch}
            class={states[index]}
            title={`epoch ${epoch}, ${formatTime(startOf(epoch))}: ${states[index]}`}
          />
        ))}
      </div>
      <details>
        <summary>As a table</summary>
        <Table
          caption="Epochs and their proofs"
          rows={[...active].reverse()}
          keyOf={(epoch) => epoch}
          columns={[
            { name: "Epoch", cell: (epoch) => <Link to={`/epochs/${epoch}`}>{formatCount(epoch)}</Link> },
            { name: "Begins", cell: (epoch) => formatTime(startOf(epoch)) },
            { name: "State", cell: (epoch) => <State name={stateOf(byEpoch.get(epoch))} /> },
            {
              name: "Peers that proved it",
              isNumber: true,
              cell: (epoch) => `${byEpoch.get(epoch)?.proven ?? 0} of ${byEpoch.get(epoch)?.active ?? 0}`,
            },
          ]}
        />
      </details>
    </>
  );
}

function EarningsByEpoch(props: { days: RecordedEpoch[] }) {
  const rows = props.days.filter((day) => day.active > 0).slice(-EARNINGS_SHOWN);
  if (rows.length === 0) return <p class="empty">Nothing final was earned yet.</p>;
  return (
    <Chart
      label="Pay of proven epochs"
      kind="bars"
      x={rows.map((day) => day.epoch)}
      y={rows.map((day) => toDrawn(BigInt(day.proven_pay), USDC_DECIMALS))}
      formatX={(value) => (Number.isInteger(value) ? formatCount(value) : "")}
      formatY={(value) => String(+value.toPrecision(4))}
      columns={["Epoch", "Earned (USDC)", "Goes back (USDC)"]}
      rows={rows.map((day) => [
        formatCount(day.epoch),
        formatUsdc(day.proven_pay),
        formatUsdc(BigInt(day.billed) - BigInt(day.proven_pay)),
      ])}
      height={200}
    />
  );
}

interface MeasuredPeer {
  peer: number;
  calls: number;
  answered: number;
  failed: number;
  refused: number;
  reasons: Record<string, number>;
  error_ppm: number | null;
  p50_us: number | null;
  p99_us: number | null;
}

interface Measured {
  measured_by: { name: string; region: string };
  since: number;
  peers: MeasuredPeer[];
}

const MEASURED_AT_ONCE = 100;

/** What one gateway saw, under its name: never part of the figures that the chain gives. */
function MeasuredCard(props: { peers: number[] }) {
  const { gateway } = getSettings();
  const query = props.peers.slice(0, MEASURED_AT_ONCE).map((peer) => `peer=${peer}`).join("&");
  const key = gateway === null || query === "" ? null : `measured ${query}`;
  const found = useReading(key, () => askGateway<Measured>(`/v1/measurements?${query}`));
  if (gateway === null || found.problem?.isMissing) return null;
  const by = found.data?.measured_by;
  const name = by?.name || gateway || location.origin;
  return (
    <Card
      title={<>Measured by <span class="stranger">{name}</span></>}
      note={`What this gateway${by?.region ? ` in ${by.region}` : ""} saw of its own calls since yesterday; not from the chain, no part of the reputation`}
    >
      {key === null ? (
        <p class="empty">It has no peer.</p>
      ) : (
        <Shown of={found}>
          {(seen) => (
            <Table
              caption="Measured of each peer"
              rows={seen.peers}
              keyOf={(row) => row.peer}
              empty="No call went to it through this gateway."
              columns={[
                { name: "Peer", cell: (row) => <PeerName peer={row.peer} /> },
                { name: "Calls", isNumber: true, cell: (row) => formatCount(row.calls) },
                { name: "Failed", isNumber: true, cell: (row) => share(row.error_ppm) },
                { name: "Half in", isNumber: true, cell: (row) => latency(row.p50_us) },
                { name: "99 % in", isNumber: true, cell: (row) => latency(row.p99_us) },
                { name: "Not answered", isText: true, cell: (row) => reasonsOf(row) },
              ]}
            />
          )}
        </Shown>
      )}
    </Card>
  );
}

function latency(microseconds: number | null): string {
  return microseconds === null ? "–" : `${formatUnits(BigInt(microseconds), 3)} ms`;
}

function reasonsOf(row: MeasuredPeer): string {
  const words = Object.entries(row.reasons).map(([why, count]) => `${count} ${why.replaceAll("_", " ")}`);
  return words.join(", ") || "–";
}

interface DealEarnings {
  deal: number;
  units: number;
  paid: bigint;
  refunded: bigint;
}

function EarningsByDeal(props: { rows: Assignment[] }) {
  const byDeal = new Map<number, DealEarnings>();
  for (const row of props.rows) {
    const entry = byDeal.get(row.deal) ?? { deal: row.deal, units: 0, paid: 0n, refunded: 0n };
    entry.units += row.alive ? row.units : 0;
    entry.paid += BigInt(row.paid);
    entry.refunded += BigInt(row.refunded);
    byDeal.set(row.deal, entry);
  }
  const rows = [...byDeal.values()].sort((a, b) => (b.paid > a.paid ? 1 : b.paid < a.paid ? -1 : b.deal - a.deal));
  return (
    <Table
      caption="Earnings by deal"
      rows={rows}
      keyOf={(row) => row.deal}
      empty="It was in no deal yet."
      columns={[
        { name: "Deal", cell: (row) => <DealName deal={row.deal} /> },
        { name: "Units now", isNumber: true, cell: (row) => row.units },
        { name: "Paid out", isNumber: true, cell: (row) => <Usdc amount={row.paid} /> },
        { name: "Went back", isNumber: true, cell: (row) => <Usdc amount={row.refunded} /> },
      ]}
    />
  );
}

interface Refund {
  epoch: number;
  amount: bigint | null;
  why: string;
}

/** Epochs that some peer did not prove, and convictions. */
function Refunds(props: { said: Reputation }) {
  const rows: Refund[] = props.said.epochs.flatMap((day) => {
    const found: Refund[] = [];
    const back = BigInt(day.billed) - BigInt(day.proven_pay);
    if (day.active > day.proven) {
      const who = props.said.peer === null ? `${day.active - day.proven} of ${day.active} peers` : "the peer";
      found.push({ epoch: day.epoch, amount: back, why: `not proven in time by ${who}` });
    }
    const convicted = (day.counts.convicted ?? 0) + (day.counts.contradicted ?? 0);
    if (convicted > 0) {
      found.push({ epoch: day.epoch, amount: null, why: `convicted ${convicted} times: all that was not claimed` });
    }
    return found;
  });
  return (
    <Table
      caption="Refunds and why"
      rows={rows.reverse()}
      keyOf={(row) => `${row.epoch}:${row.why}`}
      empty="Nothing went back."
      columns={[
        { name: "Epoch", cell: (row) => <Link to={`/epochs/${row.epoch}`}>{formatCount(row.epoch)}</Link> },
        { name: "Amount", isNumber: true, cell: (row) => (row.amount === null ? "see claims" : <Usdc amount={row.amount} />) },
        { name: "Why", isText: true, cell: (row) => row.why },
      ]}
    />
  );
}
