/** A peer, and the provider behind it: what it has, what it ran, what it earned and proved. */

import { formatCount } from "../data/amounts";
import { useAll, useHistory, useMatcher } from "../data/resources";
import { formatTime, regionName, startOf, traitsOf } from "../data/texts";
import type { Assignment, Case, Offer, Page, Peer, PeerDocument, Seat } from "../data/views";
import {
  AccountName,
  Card,
  DealName,
  Facts,
  Meter,
  Name,
  OfferName,
  RegionName,
  Shown,
  State,
  Table,
  Tile,
  Tiles,
  Usdc,
} from "../parts/basics";
import { EventList } from "../parts/latest";
import { ReputationCards } from "../parts/reputation";
import { CaseTable, SeatTable } from "./audits";

export function Offers(props: { path: string }) {
  const found = useMatcher<Page<Offer>>(props.path);
  return (
    <Shown of={found}>
      {(page) => (
        <Table
          caption="Offers"
          rows={[...page.items].reverse()}
          keyOf={(row) => row.hash}
          empty="No offers at this matcher."
          columns={[
            { name: "Offer", cell: (row) => <OfferName hash={row.hash} /> },
            { name: "State", cell: (row) => <State name={row.status} title={row.reasons.join("; ")} /> },
            {
              name: "Price",
              isNumber: true,
              cell: (row) => <Usdc amount={String(row.offer.price ?? row.offer.max_price)} />,
            },
            {
              name: "For",
              cell: (row) => {
                if (row.offer.price === undefined) return `${row.offer.units} units at most so dear`;
                return row.offer.kind === "0" ? "a unit and epoch" : "10¹² work";
              },
            },
            { name: "Until", cell: (row) => formatTime(Number(row.offer.valid_until)) },
          ]}
        />
      )}
    </Shown>
  );
}

export function AssignmentTable(props: { rows: Assignment[] }) {
  return (
    <Table
      caption="Assignments"
      rows={[...props.rows].reverse()}
      keyOf={(row) => row.id}
      empty="Nothing was ever assigned."
      columns={[
        { name: "Assignment", cell: (row) => row.id },
        { name: "Deal", cell: (row) => <DealName deal={row.deal} /> },
        { name: "State", cell: (row) => <State name={row.alive ? row.state : "ended"} title={row.why_text ?? ""} /> },
        { name: "Units", isNumber: true, cell: (row) => row.units },
        { name: "Price", isNumber: true, cell: (row) => <Usdc amount={row.price} /> },
        { name: "Earned", isNumber: true, cell: (row) => <Usdc amount={row.paid} /> },
        { name: "Went back", isNumber: true, cell: (row) => <Usdc amount={row.refunded} /> },
        { name: "Why it ended", isText: true, cell: (row) => row.why_text ?? row.ended_kind ?? "–" },
      ]}
    />
  );
}

function reachText(peer: Peer): string {
  if (peer.reachable === null) return "this matcher does not ask";
  if (peer.reachable.answers) return `answers since ${formatTime(peer.reachable.since)}`;
  return `silent since ${formatTime(peer.reachable.since)}: ${peer.reachable.problem ?? ""}`;
}

/** Everything here was written by the peer's provider: it is shown as text, and no address is a link. */
function DocumentFacts(props: { document: PeerDocument }) {
  const { site, hardware, claims, speed, expires } = props.document;
  const amount = (value: number, unit: string) => (value === 0 ? "not said" : `${formatCount(value)} ${unit}`.trim());
  return (
    <Facts
      rows={[
        [
          "Data center",
          site === null ? "none named" : <span class="stranger">{`${site.name}, ${site.city} ${site.country} (${site.id})`}</span>,
        ],
        ["Processor", <span class="stranger">{hardware.cpu === "" ? "not said" : hardware.cpu}</span>],
        ["Cores", amount(hardware.cores, "")],
        ["Memory", amount(hardware.memory_mib, "MiB")],
        ["Storage", amount(hardware.storage_gib, "GiB")],
        ["Network", amount(hardware.network_mbps, "Mbit/s")],
        ["Speed of a unit", speed === 0 ? "not measured" : `${formatCount(speed)} · 10⁶ fuel per second`],
        [
          "Claims, unchecked",
          claims.length === 0 ? (
            "none"
          ) : (
            <span class="stranger">{claims.map((claim) => [claim.kind, claim.text].filter(Boolean).join(": ")).join("; ")}</span>
          ),
        ],
        ["Holds until", formatTime(expires)],
      ]}
    />
  );
}

export function PeerPage(props: { peer: number }) {
  const found = useMatcher<Peer>(`/v1/peers/${props.peer}`);
  const assignments = useAll<Assignment>(`/v1/assignments?peer=${props.peer}`);
  const history = useHistory(`peer=${props.peer}`, 60);
  const seats = useMatcher<Page<Seat>>(`/v1/seats?peer=${props.peer}`);
  const cases = useAll<Case>("/v1/cases");
  const answers = found.data?.reachable?.answers;
  return (
    <>
      <h1 tabIndex={-1}>
        Peer {props.peer} {answers !== undefined && <State name={answers ? "answers" : "silent"} />}
      </h1>
      <Shown of={found} missing={`There is no peer ${props.peer}.`}>
        {(peer) => (
          <>
            <Tiles>
              <Tile label="Units" note={<Meter part={peer.used} whole={peer.units} label={`${peer.used} in use`} />}>
                {peer.units}
              </Tile>
              <Tile label="In use" note={`${peer.free} free`}>
                {peer.used}
              </Tile>
              <Tile label="Memory of a unit" note="MiB">
                {formatCount(peer.memory_mib)}
              </Tile>
              <Tile label="Region" note={regionName(peer.region)}>
                <RegionName region={peer.region} />
              </Tile>
              <Tile label="Last proof" note={peer.proven === null ? "none yet" : formatTime(startOf(peer.proven))}>
                {peer.proven === null ? "–" : formatCount(peer.proven)}
              </Tile>
            </Tiles>
            <div class="grid">
              <Card title="The machine" note="What its provider claims, and what this matcher saw">
                <Facts
                  rows={[
                    ["Provider", <AccountName address={peer.provider} />],
                    ["Endpoint", <span class="stranger">{peer.endpoint}</span>],
                    ["Reachable", reachText(peer)],
                    ["Key", <Name text={peer.key} what="key" />],
                    ["Wallet", <AccountName address={peer.wallet} />],
                    ["Traits", traitsOf(BigInt(peer.traits)).map((trait) => (
                      <abbr class="trait" key={trait.bit} title={`${trait.kind}: ${trait.meaning}`}>{trait.name}</abbr>
                    ))],
                    ["Registered", formatTime(peer.registered_at)],
                  ]}
                />
              </Card>
              <Card title="What it says of itself" note="Signed with its key; nobody here has checked it">
                {!peer.document ? (
                  <p class="empty">Nothing that this matcher knows.</p>
                ) : (
                  <DocumentFacts document={peer.document} />
                )}
              </Card>
              <Card title="Offers">
                <Offers path={`/v1/provider-offers?peer=${peer.id}`} />
              </Card>
              <ReputationCards path={`/v1/peers/${peer.id}`} peers={[peer.id]} assignments={assignments.data ?? []} />
              <Card title="Assignments" wide>
                <Shown of={assignments}>{(rows) => <AssignmentTable rows={rows} />}</Shown>
              </Card>
              <Card title="Cases about it" note="Who asked it to show a call, or said that one was wrong" wide>
                <Shown of={cases}>
                  {(rows) => {
                    const own = new Set((assignments.data ?? []).map((entry) => entry.id));
                    return <CaseTable rows={rows.filter((row) => own.has(row.assignment))} empty="None." />;
                  }}
                </Shown>
              </Card>
              <Card title="As a juror" note="Its seats: it runs calls of others again, and votes">
                <Shown of={seats}>{(page) => <SeatTable rows={page.items} empty="It has no seat." />}</Shown>
              </Card>
              <Card title="History" note="Every event of the chain about this peer, the newest first" wide>
                <Shown of={history}>{(events) => <EventList events={events} empty="Nothing yet." />}</Shown>
              </Card>
            </div>
          </>
        )}
      </Shown>
    </>
  );
}
