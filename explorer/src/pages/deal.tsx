/** A deal: how long its money lasts, who runs it, what it costs, and how to check all of it. */

import { isSame } from "../chain/bytes";
import { costOf, formatCount, formatPpm, formatUsdc, formatWork, toDrawn, USDC_DECIMALS } from "../data/amounts";
import { type Resource, useAll, useHistory, useMatcher } from "../data/resources";
import { getSettings } from "../data/settings";
import { formatSpan, formatTime, NO_END, pluralOf, startOf, ZERO_ADDRESS } from "../data/texts";
import type { Assignment, Deal, Epoch, Match, Page, Redemption, Version } from "../data/views";
import {
  AccountName,
  AppName,
  BuyLink,
  Card,
  type Column,
  Facts,
  Link,
  OfferName,
  RegionName,
  Shown,
  State,
  Table,
  Tile,
  Tiles,
  Usdc,
} from "../parts/basics";
import { Chart } from "../parts/chart";
import { DeveloperView } from "../parts/developer_view";
import { Explained } from "../parts/explained";
import { EventList } from "../parts/latest";
import { Receipts } from "../parts/receipts";
import { Timeline } from "../parts/timeline";
import { Payments, Vouchers } from "../parts/usage";
import { DealActions } from "../wallet/deal_actions";
import { useWallet } from "../wallet/provider";

const EPOCHS_SHOWN = 48;

/** The epoch of the newest block, null until it is known. */
export function useEpoch(): number | null {
  return useMatcher<Page<Epoch>>("/v1/epochs?limit=1").data?.items[0]?.epoch ?? null;
}

function isMetered(deal: Deal): boolean {
  return deal.meter !== ZERO_ADDRESS;
}

function Runway(props: { deal: Deal; epoch: number | null }) {
  const { deal } = props;
  if (isMetered(deal)) return <Tile label="Runway" note="it pays for work, not for time">metered</Tile>;
  if (deal.last_funded === null) {
    return <Tile label="Runway" note={deal.status === "lapsed" ? "its balance is used up" : "nothing runs"}>none</Tile>;
  }
  const ends = startOf(deal.last_funded + 1);
  const seconds = Number(deal.runway) * getSettings().epochSeconds;
  return (
    <Tile label="Paid until" note={`${formatCount(Number(deal.runway))} more epochs, ${formatSpan(seconds)}`}>
      {formatTime(ends)}
    </Tile>
  );
}

function Figures(props: { deal: Deal; epoch: number | null; assignments: Assignment[] }) {
  const { deal } = props;
  const paid = props.assignments.reduce((sum, entry) => sum + BigInt(entry.paid), 0n);
  const work = props.assignments.reduce((sum, entry) => sum + BigInt(entry.work), 0n);
  return (
    <Tiles>
      <Runway deal={deal} epoch={props.epoch} />
      <Tile label="Balance" note={`of ${formatUsdc(deal.deposit)} paid in at first`}>
        <Usdc amount={deal.balance} />
      </Tile>
      {isMetered(deal) ? (
        <Tile label="Paid for work" note={formatWork(work)}>
          <Usdc amount={paid} />
        </Tile>
      ) : (
        <Tile label="Costs an epoch" note={formatSpan(getSettings().epochSeconds)}>
          <Usdc amount={deal.rate} />
        </Tile>
      )}
      <Tile label="Units" note={`on ${pluralOf(deal.assignments.length, "peer")}`}>
        {deal.units}
      </Tile>
      <Tile label="Version" note="of its app">
        {deal.version}
      </Tile>
    </Tiles>
  );
}

function Costs(props: { assignments: Assignment[]; epoch: number }) {
  const started = props.assignments.filter((entry) => entry.start !== null);
  if (started.length === 0) return <p class="empty">Nothing has run yet, so nothing has been billed.</p>;
  const first = Math.max(Math.min(...started.map((entry) => entry.start ?? 0)), props.epoch - EPOCHS_SHOWN + 1);
  const last = Math.min(props.epoch, Math.max(...started.map((entry) => entry.end ?? props.epoch)));
  const epochs = Array.from({ length: Math.max(last - first + 1, 1) }, (_, index) => first + index);
  const costs = epochs.map((epoch) => started.reduce((sum, entry) => sum + costOf(entry, epoch), 0n));
  const sum = costs.reduce((a, b) => a + b, 0n);
  return (
    <Chart
      label={`Cost by epoch, ${formatUsdc(sum)} USDC in the epochs shown`}
      kind="bars"
      x={epochs}
      y={costs.map((cost) => toDrawn(cost, USDC_DECIMALS))}
      formatX={(value) => (Number.isInteger(value) ? formatCount(value) : "")}
      formatY={(value) => String(+value.toPrecision(4))}
      columns={["Epoch", "Begins", "Billed (USDC)"]}
      rows={epochs.map((epoch, i) => [formatCount(epoch), formatTime(startOf(epoch)), formatUsdc(costs[i] ?? 0n)])}
      height={200}
    />
  );
}

function Assignments(props: { of: Resource<Assignment[]>; isMetered: boolean }) {
  const work: Column<Assignment>[] = [{ name: "Work paid", isNumber: true, cell: (row) => formatWork(row.work) }];
  const refunds: Column<Assignment>[] = [
    { name: "Went back", isNumber: true, cell: (row) => <Usdc amount={row.refunded} /> },
  ];
  return (
    <Shown of={props.of}>
      {(rows) => (
        <Table
          caption="Assignments"
          rows={[...rows].reverse()}
          keyOf={(row) => row.id}
          empty="No peer was ever assigned."
          columns={[
            { name: "Assignment", cell: (row) => row.id },
            { name: "Peer", cell: (row) => <Link to={`/peers/${row.peer}`}>peer {row.peer}</Link> },
            { name: "Region", cell: (row) => <RegionName region={row.region} /> },
            { name: "State", cell: (row) => <State name={row.alive ? row.state : "ended"} /> },
            { name: "Units", isNumber: true, cell: (row) => row.units },
            { name: "Price", isNumber: true, cell: (row) => <Usdc amount={row.price} /> },
            { name: "Paid", isNumber: true, cell: (row) => <Usdc amount={row.paid} /> },
            ...(props.isMetered ? work : refunds),
            { name: "Provider", cell: (row) => <AccountName address={row.provider} /> },
          ]}
        />
      )}
    </Shown>
  );
}

function Matches(props: { deal: number }) {
  const found = useMatcher<Page<Match>>(`/v1/deals/${props.deal}/matches`);
  return (
    <Shown of={found}>
      {(page) => (
        <Table
          caption="Match records"
          rows={page.items}
          keyOf={(row) => row.id}
          empty="This matcher has no record of it: somebody else matched it."
          columns={[
            {
              name: "Record",
              cell: (row) => <Link to={`/matches/${row.id}`}>match {row.id}: why these peers, why not others</Link>,
            },
            { name: "Units", isNumber: true, cell: (row) => row.fills.reduce((sum, fill) => sum + fill.units, 0) },
            { name: "Costs an epoch", isNumber: true, cell: (row) => <Usdc amount={row.total} /> },
            { name: "Gap", isNumber: true, cell: (row) => formatPpm(row.gap_ppm) },
            { name: "Block", isNumber: true, cell: (row) => formatCount(row.block) },
          ]}
        />
      )}
    </Shown>
  );
}

function Versions(props: { deal: Deal; versions: Version[] }) {
  return (
    <Table
      caption="Versions"
      rows={[...props.versions].reverse()}
      keyOf={(row) => row.version}
      columns={[
        { name: "Version", cell: (row) => (row.version === props.deal.version ? `${row.version}, now` : row.version) },
        { name: "App", cell: (row) => <AppName app={row.app} /> },
        { name: "Since", cell: (row) => formatTime(row.at) },
      ]}
    />
  );
}

export function DealPage(props: { deal: number }) {
  const found = useMatcher<Deal>(`/v1/deals/${props.deal}`);
  const assignments = useAll<Assignment>(`/v1/deals/${props.deal}/assignments`);
  const history = useHistory(`deal=${props.deal}`);
  const versions = useMatcher<Page<Version>>(`/v1/deals/${props.deal}/versions`);
  const metered = found.data !== undefined && isMetered(found.data);
  const redemptions = useAll<Redemption>(metered ? `/v1/deals/${props.deal}/redemptions` : null);
  const epoch = useEpoch();
  const { account } = useWallet();
  return (
    <>
      <h1 tabIndex={-1}>
        Deal {props.deal} {found.data && <State name={found.data.status} />}
      </h1>
      <Shown of={found} missing={`There is no deal ${props.deal}.`}>
        {(deal) => (
          <>
            <Figures deal={deal} epoch={epoch} assignments={assignments.data ?? []} />
            <div class="grid">
              <Card title="Who runs it" note="Assignments along the epochs, with what each unit costs an epoch" wide>
                {assignments.data && epoch !== null ? (
                  <Timeline assignments={assignments.data} epoch={epoch} epochSeconds={getSettings().epochSeconds} />
                ) : (
                  <p class="loading">Loading …</p>
                )}
              </Card>
              {metered ? (
                <Card title="Paid for work" note="By vouchers that its meter signed, when peers redeemed them">
                  <Payments of={redemptions} />
                </Card>
              ) : (
                <Card title="Cost by epoch" note="Billed when an epoch begins; epochs that are not proven go back">
                  {assignments.data && epoch !== null && <Costs assignments={assignments.data} epoch={epoch} />}
                </Card>
              )}
              <Card title="Terms">
                <Facts
                  rows={[
                    ["Developer", <AccountName address={deal.developer} />],
                    ["App", <AppName app={deal.app} />],
                    ["Offer", <OfferName hash={deal.offer} />],
                    ["Began", formatTime(deal.created_at)],
                    ["Ends", deal.end === NO_END ? "when it is stopped" : formatTime(startOf(deal.end + 1))],
                    ["Kind", metered ? "metered: it pays for work" : "reserved: it pays for time"],
                    ["Meter", metered ? <AccountName address={deal.meter} /> : "–"],
                  ]}
                />
                {!deal.stopped && deal.status !== "ended" && <BuyLink purpose={`deal=${deal.id}`} />}
                <DealActions deal={deal} assignments={assignments.data ?? []} />
              </Card>
              <Card title="Assignments" wide>
                <Assignments of={assignments} isMetered={metered} />
              </Card>
              {metered && (
                <Card title="Vouchers" note="Each states all work so far of one assignment; what it pays beyond the last is paid" wide>
                  <Vouchers of={redemptions} assignments={assignments.data ?? []} />
                </Card>
              )}
              <Card title="Match records" note="Each names the exact book it was computed from">
                <Matches deal={deal.id} />
              </Card>
              <Card title="What binds its offer" note="Why it has the units it has, and the smallest change that gives more">
                <Explained offer={deal.offer} />
              </Card>
              <Card title="Receipts" note="What a peer says it ran, checked here down to the root on chain">
                {epoch !== null && <Receipts deal={deal.id} assignments={assignments.data ?? []} epoch={epoch} />}
              </Card>
              {account !== null && isSame(account, deal.developer) && getSettings().gateway !== null && (
                <Card title="For its developer" note="How its calls went and what it logged; peers tell nobody else" wide>
                  <DeveloperView deal={deal.id} account={account} peers={deal.assignments.map((entry) => entry.peer)} />
                </Card>
              )}
              <Card title="Versions">
                <Shown of={versions}>{(page) => <Versions deal={deal} versions={page.items} />}</Shown>
              </Card>
              <Card title="History" note="Every event of the chain about this deal, the newest first" wide>
                <Shown of={history}>{(events) => <EventList events={events} empty="Nothing yet." />}</Shown>
              </Card>
            </div>
          </>
        )}
      </Shown>
    </>
  );
}
