/** An account: its money, what it rents, what it rents out, and what its owner can do. */

import { isSame } from "../chain/bytes";
import { formatCount } from "../data/amounts";
import { useAll, useMatcher } from "../data/resources";
import { regionsOf, formatTime, ZERO_ADDRESS } from "../data/texts";
import type { Account, Assignment, Deal, Offer, Opportunity, Page, Peer, Provider } from "../data/views";
import {
  AccountName,
  AppName,
  BuyLink,
  Card,
  DealName,
  Facts,
  Flt,
  Link,
  Meter,
  Name,
  RegionName,
  Shown,
  State,
  Table,
  Tile,
  Tiles,
  Usdc,
} from "../parts/basics";
import { Explained } from "../parts/explained";
import { ReputationCards } from "../parts/reputation";
import { AccountActions, CancelAction } from "../wallet/account_actions";
import { useWallet } from "../wallet/provider";
import { AssignmentTable, Offers } from "./peer";

export function DealTable(props: { deals: Deal[]; empty: string }) {
  return (
    <Table
      caption="Deals"
      rows={[...props.deals].reverse()}
      keyOf={(row) => row.id}
      empty={props.empty}
      columns={[
        { name: "Deal", cell: (row) => <DealName deal={row.id} /> },
        { name: "State", cell: (row) => <State name={row.status} /> },
        { name: "App", cell: (row) => <AppName app={row.app} /> },
        { name: "Units", isNumber: true, cell: (row) => row.units },
        { name: "Balance", isNumber: true, cell: (row) => <Usdc amount={row.balance} /> },
        { name: "Costs an epoch", isNumber: true, cell: (row) => <Usdc amount={row.rate} /> },
        { name: "Runway", isNumber: true, cell: (row) => `${formatCount(Number(row.runway))} epochs` },
      ]}
    />
  );
}

function Lost(props: { address: string }) {
  const found = useMatcher<Page<Opportunity>>(`/v1/providers/${props.address}/opportunities`);
  return (
    <Shown of={found}>
      {(page) => (
        <Table
          caption="Lost opportunities"
          rows={page.items}
          keyOf={(row) => `${row.offer}:${row.match}:${row.epoch}`}
          empty="No demand went elsewhere lately."
          most={8}
          columns={[
            { name: "Deal", cell: (row) => (row.deal === null ? "still open" : <DealName deal={row.deal} />) },
            { name: "Units", isNumber: true, cell: (row) => row.units },
            { name: "Lost by", isNumber: true, cell: (row) => (row.lost_by === null ? "–" : <Usdc amount={row.lost_by} />) },
            { name: "Wins at", isNumber: true, cell: (row) => (row.price_to_win === null ? "–" : <Usdc amount={row.price_to_win} />) },
            { name: "Why", isText: true, cell: (row) => row.reasons.join("; ") || "its price" },
          ]}
        />
      )}
    </Shown>
  );
}

function Earnings(props: { provider: Provider }) {
  const now = props.provider;
  return (
    <>
      <Tile label="Paid ever" note={`${now.alive_units} units run now`}>
        <Usdc amount={now.paid} />
      </Tile>
      <Tile label="Units" note={<Meter part={now.used} whole={now.units} label={`${now.used} in use`} />}>
        {now.units}
      </Tile>
      <Tile
        label="Bonded"
        note={
          <>
            free <Flt amount={now.stake_free} />, leaving <Flt amount={now.leaving} />
            {now.leaving !== "0" && <> until {formatTime(now.ready)}</>}
          </>
        }
      >
        <Flt amount={now.stake_locked} />
      </Tile>
    </>
  );
}

export function AccountPage(props: { address: string }) {
  const { account } = useWallet();
  const { address } = props;
  const isOwn = account !== null && isSame(account, address);
  const money = useMatcher<Account>(`/v1/accounts/${address}`);
  const deals = useAll<Deal>(`/v1/deals?developer=${address}`);
  const peers = useAll<Peer>(`/v1/peers?provider=${address}`);
  const assignments = useAll<Assignment>(`/v1/assignments?provider=${address}`);
  const earning = (assignments.data ?? []).filter((row) => row.state === "active" || row.state === "ended");
  const isProvider = (peers.data?.length ?? 0) > 0;
  // Who has stake and no peer yet is a provider too.
  const provider = useMatcher<Provider>(isProvider || isOwn ? `/v1/providers/${address}` : null).data;
  return (
    <>
      <h1 tabIndex={-1}>Account {isOwn && <State name="yours" />}</h1>
      <p class="lead">
        <Name text={address} what="address" />
      </p>
      <Shown of={money}>
        {(now) => (
          <Tiles>
            <Tile label="Free balance" note="can be withdrawn">
              <Usdc amount={now.free} />
            </Tile>
            <Tile label="Live deals" note={`of ${deals.data?.length ?? "…"}`}>
              {deals.data?.filter((deal) => deal.status !== "ended").length ?? "…"}
            </Tile>
            {provider && <Earnings provider={provider} />}
          </Tiles>
        )}
      </Shown>
      <BuyLink purpose={`account=${address}`} />
      <div class="grid">
        {isOwn && (
          <Card title="Do" note="Your wallet signs; amounts before and after come first" wide>
            <AccountActions account={address} peers={peers.data ?? []} earning={earning} />
          </Card>
        )}
        <Card title="Deals as a developer" wide>
          <Shown of={deals}>{(rows) => <DealTable deals={rows} empty="It rents nothing." />}</Shown>
        </Card>
        <Card title="What it asks for">
          <Offers path={`/v1/developer-offers?developer=${address}`} />
        </Card>
        <Card title="What it offers">
          <Offers path={`/v1/provider-offers?provider=${address}`} />
        </Card>
        {isProvider && (
          <>
            <Card title="Peers">
              <Table
                caption="Peers"
                rows={peers.data ?? []}
                keyOf={(row) => row.id}
                columns={[
                  { name: "Peer", cell: (row) => <Link to={`/peers/${row.id}`}>peer {row.id}</Link> },
                  { name: "Region", cell: (row) => <RegionName region={row.region} /> },
                  { name: "Units", isNumber: true, cell: (row) => row.units },
                  { name: "Free", isNumber: true, cell: (row) => row.free },
                  { name: "Last proof", isNumber: true, cell: (row) => (row.proven === null ? "–" : formatCount(row.proven)) },
                ]}
              />
            </Card>
            <Card title="What it did not get" note="Demands of the last epochs that went elsewhere, and why">
              <Lost address={address} />
            </Card>
            <ReputationCards
              path={`/v1/providers/${address}`}
              peers={(peers.data ?? []).map((peer) => peer.id)}
              assignments={assignments.data ?? []}
            />
            <Card title="Assignments of its peers" wide>
              <Shown of={assignments}>{(rows) => <AssignmentTable rows={rows} />}</Shown>
            </Card>
          </>
        )}
      </div>
    </>
  );
}

/** An offer of either kind; which one is found out by asking for both. */
export function OfferPage(props: { hash: string }) {
  const { account } = useWallet();
  const bid = useMatcher<Offer>(`/v1/developer-offers/${props.hash}`);
  const ask = useMatcher<Offer>(`/v1/provider-offers/${props.hash}`);
  const found = bid.data !== undefined || ask.problem !== undefined ? bid : ask;
  return (
    <>
      <h1 tabIndex={-1}>Offer {found.data && <State name={found.data.status} />}</h1>
      <p class="lead">
        <Name text={props.hash} what="offer" />
      </p>
      <Shown of={found} missing="This matcher does not know the offer.">
        {(offer) => {
          const isBid = offer.offer.peer === undefined;
          const owner = isBid ? String(offer.offer.developer) : null;
          return (
            <div class="grid">
              <Card title={isBid ? "A developer asks for units" : "A provider offers units"}>
                <Facts rows={isBid ? bidFacts(offer) : askFacts(offer)} />
                {account !== null && (owner === null || isSame(owner, account)) && (
                  <div class="actions">
                    <CancelAction hash={offer.hash} />
                  </div>
                )}
              </Card>
              <Card title="State">
                <Facts
                  rows={[
                    ["State", <State name={offer.status} />],
                    ["Deal", offer.deal === null ? "none" : <DealName deal={offer.deal} />],
                    ["Came", `${offer.source}, ${formatTime(offer.received_at)}`],
                  ]}
                />
                {offer.reasons.map((reason) => (
                  <p class="note" key={reason}>
                    {reason}
                  </p>
                ))}
              </Card>
              {isBid && (
                <Card title="What binds it" wide>
                  <Explained offer={offer.hash} />
                </Card>
              )}
            </div>
          );
        }}
      </Shown>
    </>
  );
}

function bidFacts({ offer }: Offer): [string, preact.ComponentChildren][] {
  const regions = regionsOf(BigInt(String(offer.regions)));
  return [
    ["Developer", <AccountName address={String(offer.developer)} />],
    ["App", <AppName app={String(offer.app)} />],
    ["Units", `${offer.units}, at least ${offer.min_units}`],
    ["Most a unit may cost", <Usdc amount={String(offer.max_price)} />],
    ["Deposit", <Usdc amount={String(offer.deposit)} />],
    ["Regions", regions.join(", ") || "anywhere"],
    ["Memory of a unit", `at least ${offer.min_memory_mib} MiB`],
    ["Matcher", <AccountName address={String(offer.matcher)} />],
    ["Kind", offer.meter === ZERO_ADDRESS ? "reserved" : "metered"],
    ["Holds until", formatTime(Number(offer.valid_until))],
  ];
}

function askFacts({ offer }: Offer): [string, preact.ComponentChildren][] {
  return [
    ["Peer", <Link to={`/peers/${offer.peer}`}>peer {String(offer.peer)}</Link>],
    ["Price", <Usdc amount={String(offer.price)} />],
    ["For", offer.kind === "0" ? "a unit and epoch" : "10¹² work"],
    ["Developer", <AccountName address={String(offer.developer)} />],
    ["Holds until", formatTime(Number(offer.valid_until))],
  ];
}
