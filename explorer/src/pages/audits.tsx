/** Asks and accusations: who is held to what it committed, who judges, and what came of it. */

import { formatCount } from "../data/amounts";
import { useAll, useMatcher } from "../data/resources";
import { capitalize, formatTime, pluralOf } from "../data/texts";
import type { AssignmentDetail, Case, CaseDetail, Contradiction, Page, Seat } from "../data/views";
import {
  AccountName,
  Card,
  type Column,
  DealName,
  Facts,
  Flt,
  Link,
  Name,
  PeerName,
  Shown,
  State,
  Table,
  Tile,
  Tiles,
} from "../parts/basics";

const JURORS = 7;
const CONTRADICTIONS: Record<number, string> = {
  1: "a receipt that does not belong to its summary",
  2: "a receipt that does not follow the one before",
  3: "a chain that does not end in its last receipt",
  4: "two summaries of one epoch",
  5: "epochs that overlap",
  6: "an epoch that does not follow the one before",
  7: "a receipt changed after it was signed",
  8: "a signed receipt left out",
};
const CANNOT_TELL = `0x${"0".repeat(64)}`;
const FALSE_IN_ITSELF = `0x${"0".repeat(63)}1`;

function aboutOf(row: Case): string {
  const call = `epoch ${formatCount(row.epoch)}`;
  return row.kind === "ask" ? `to show call ${row.sequence} of ${call}` : `a call of ${call} is said to be wrong`;
}

function CaseName(props: { id: number }) {
  return <Link to={`/cases/${props.id}`}>case {props.id}</Link>;
}

function CaseState(props: { of: Case }) {
  return <State name={props.of.outcome ?? props.of.state} />;
}

/** Cases, the newest first. */
export function CaseTable(props: { rows: Case[]; empty: string }) {
  return (
    <Table
      caption="Cases"
      rows={[...props.rows].reverse()}
      keyOf={(row) => row.id}
      empty={props.empty}
      columns={[
        { name: "Case", cell: (row) => <CaseName id={row.id} /> },
        { name: "Kind", cell: (row) => capitalize(row.kind) },
        { name: "State", cell: (row) => <CaseState of={row} /> },
        { name: "About", isText: true, cell: aboutOf },
        { name: "Assignment", isNumber: true, cell: (row) => row.assignment },
        { name: "By", cell: (row) => <AccountName address={row.by} /> },
        { name: "Since", cell: (row) => formatTime(row.opened_at) },
        { name: "Seized", isNumber: true, cell: (row) => (row.seized === null ? "–" : <Flt amount={row.seized} />) },
      ]}
    />
  );
}

/** Places of jurors; `peer`: whether to name whose each is. */
export function SeatTable(props: { rows: Seat[]; hasPeers?: boolean; empty: string }) {
  const peers: Column<Seat>[] = [{ name: "Peer", cell: (row) => <PeerName peer={row.peer} /> }];
  return (
    <Table
      caption="Seats"
      rows={props.rows}
      keyOf={(row) => row.id}
      empty={props.empty}
      columns={[
        { name: "Seat", cell: (row) => row.id },
        ...(props.hasPeers ? peers : []),
        { name: "Since", cell: (row) => formatTime(row.since) },
        { name: "State", cell: (row) => <State name={row.quit === 0 ? "judging" : "quit"} /> },
        { name: "Fines", isNumber: true, cell: (row) => row.fines },
      ]}
    />
  );
}

function Convictions(props: { rows: Contradiction[] }) {
  return (
    <Table
      caption="Contradictions"
      rows={[...props.rows].reverse()}
      keyOf={(row) => `${row.in_block}:${row.log_index}`}
      empty="No peer has contradicted itself."
      columns={[
        { name: "When", cell: (row) => formatTime(row.at) },
        { name: "Assignment", isNumber: true, cell: (row) => row.assignment },
        { name: "What", isText: true, cell: (row) => capitalize(CONTRADICTIONS[row.kind] ?? `kind ${row.kind}`) },
        { name: "Seized", isNumber: true, cell: (row) => <Flt amount={row.seized} /> },
        { name: "Shown by", cell: (row) => <AccountName address={row.by} /> },
        { name: "Sent in", cell: (row) => <Name text={row.tx} to={`/transactions/${row.tx}`} what="transaction" /> },
      ]}
    />
  );
}

export function AuditsPage() {
  const cases = useAll<Case>("/v1/cases");
  const contradictions = useAll<Contradiction>("/v1/contradictions");
  const seats = useMatcher<Page<Seat>>("/v1/seats");
  const rows = cases.data ?? [];
  const words = contradictions.data ?? [];
  const seized = [...rows, ...words].reduce((sum, row) => sum + BigInt(row.seized ?? 0), 0n);
  return (
    <>
      <h1 tabIndex={-1}>Audits</h1>
      <p class="lead">
        Peers commit to what they ran. Anybody may ask to be shown a call, show words that contradict each other, or have a
        jury run a call again; a lie costs the bond.
      </p>
      <Tiles>
        <Tile label="Open cases" note={`of ${pluralOf(rows.length, "case")} ever`}>
          {rows.filter((row) => row.outcome === null).length}
        </Tile>
        <Tile label="Convicted" note="by silence, by their words, or by a jury">
          {words.length + rows.filter((row) => row.outcome === "convicted").length}
        </Tile>
        <Tile label="Seized" note="bonds of liars">
          <Flt amount={seized} />
        </Tile>
        <Tile label="Seats" note={`a jury has ${JURORS}`}>
          {seats.data?.items.filter((row) => row.quit === 0).length ?? "–"}
        </Tile>
      </Tiles>
      <div class="grid">
        <Card title="Cases" note="An ask is answered by the receipt, or three epochs of silence convict" wide>
          <Shown of={cases}>{(found) => <CaseTable rows={found} empty="Nobody has asked or accused." />}</Shown>
        </Card>
        <Card title="Convicted by their own words" wide>
          <Shown of={contradictions}>{(found) => <Convictions rows={found} />}</Shown>
        </Card>
        <Card title="Seats of jurors" note="Each is a stake; five fines and it is used up">
          <Shown of={seats}>
            {(page) => <SeatTable rows={page.items} hasPeers empty="Nobody judges, so nobody can be accused." />}
          </Shown>
        </Card>
      </div>
    </>
  );
}

function voteOf(vote: string | null | undefined): string {
  if (vote === undefined) return "has not voted";
  if (vote === null) return "has voted, not shown yet";
  if (vote === CANNOT_TELL) return "cannot tell";
  return vote === FALSE_IN_ITSELF ? "the receipt is false in itself" : "this value came out";
}

function Votes(props: { found: CaseDetail }) {
  const { jury } = props.found.case;
  if (jury === null) {
    return <p class="empty">{props.found.case.kind === "ask" ? "An ask needs no jury." : "Its jury is not drawn yet."}</p>;
  }
  const votes = new Map(props.found.votes.map((entry) => [entry.place, entry.vote]));
  return (
    <Table
      caption="Votes"
      rows={jury.map((seat, place) => ({ seat, place, vote: votes.get(place) }))}
      keyOf={(row) => row.place}
      columns={[
        { name: "Place", cell: (row) => row.place + 1 },
        { name: "Seat", isNumber: true, cell: (row) => row.seat },
        { name: "Vote", isText: true, cell: (row) => voteOf(row.vote) },
        { name: "Value", cell: (row) => (row.vote ? <Name text={row.vote} what="vote" /> : "–") },
      ]}
    />
  );
}

function AboutWhom(props: { assignment: number }) {
  // Its word is cleared once a conviction took it.
  const found = useMatcher<AssignmentDetail>(`/v1/assignments/${props.assignment}`).data;
  if (found === undefined) return <>assignment {props.assignment}</>;
  return (
    <>
      assignment {props.assignment} of <PeerName peer={found.peer} />, <DealName deal={found.deal} />
    </>
  );
}

export function CasePage(props: { case: number }) {
  const found = useMatcher<CaseDetail>(`/v1/cases/${props.case}`);
  const data = found.data?.case;
  return (
    <>
      <h1 tabIndex={-1}>
        Case {props.case} {data && <CaseState of={data} />}
      </h1>
      <Shown of={found} missing={`There is no case ${props.case}.`}>
        {(detail) => (
          <div class="grid">
            <Card title={capitalize(detail.case.kind)}>
              <Facts
                rows={[
                  ["About", aboutOf(detail.case)],
                  ["Of", <AboutWhom assignment={detail.case.assignment} />],
                  ["Receipt", detail.case.kind === "ask" ? "–" : <Name text={detail.case.receipt} what="receipt" />],
                  ["Opened by", <AccountName address={detail.case.by} />],
                  ["Opened", formatTime(detail.case.opened_at)],
                  ["This phase since", formatTime(detail.case.moved_at)],
                  ["Seized", detail.case.seized === null ? "–" : <Flt amount={detail.case.seized} />],
                  ["Opened in", <Name text={detail.case.tx} to={`/transactions/${detail.case.tx}`} what="transaction" />],
                ]}
              />
            </Card>
            <Card title="Jury" note="Five equal votes against the receipt convict, four for it acquit">
              <Votes found={detail} />
            </Card>
          </div>
        )}
      </Shown>
    </>
  );
}
