/** The market: what units cost and where, how many are sold, and the last matches. */

import { useState } from "preact/hooks";

import { formatCount, formatPpm, formatUsdc, percentOf, toDrawn, USDC_DECIMALS } from "../data/amounts";
import { useAll, useMatcher } from "../data/resources";
import { formatTime, regionName, startOf } from "../data/texts";
import type { Depth, EpochUnits, Match, Page, Peer, Statistics } from "../data/views";
import { Card, DealName, Link, Meter, OfferName, RegionName, Shown, Table, Tile, Tiles, Usdc } from "../parts/basics";
import { Chart } from "../parts/chart";
import { LatestEvents } from "../parts/latest";
import { type RegionUnits, WorldMap } from "../parts/worldmap";

interface Level {
  price: bigint;
  units: number;
  peers: number;
}

/** Levels of all chosen regions as one book, the cheapest first. */
function joinLevels(depths: Depth[]): Level[] {
  const byPrice = new Map<string, Level>();
  for (const level of depths.flatMap((depth) => depth.levels)) {
    const found = byPrice.get(level.price) ?? { price: BigInt(level.price), units: 0, peers: 0 };
    found.units += level.units;
    found.peers += level.peers;
    byPrice.set(level.price, found);
  }
  return [...byPrice.values()].sort((a, b) => (a.price < b.price ? -1 : a.price > b.price ? 1 : 0));
}

function groupPeers(peers: Peer[]): RegionUnits[] {
  const found = new Map<number, RegionUnits>();
  for (const peer of peers) {
    const entry = found.get(peer.region) ?? { region: peer.region, units: 0, used: 0, peers: 0 };
    entry.units += peer.units;
    entry.used += peer.used;
    entry.peers += 1;
    found.set(peer.region, entry);
  }
  return [...found.values()].sort((a, b) => b.units - a.units);
}

function PriceCurve(props: { levels: Level[]; unit: string }) {
  let units = 0;
  const rows = props.levels.map((level) => {
    units += level.units;
    return { ...level, until: units };
  });
  if (rows.length === 0) return <p class="empty">Nobody offers units here now.</p>;
  const prices = rows.map((row) => toDrawn(row.price, USDC_DECIMALS));
  return (
    <Chart
      label={`Price of the next unit: from ${formatUsdc(rows[0]!.price)} USDC; ${units} units are free`}
      kind="steps"
      // A step ends where its units do, so the first begins at 0.
      x={[0, ...rows.map((row) => row.until)]}
      y={[prices[0]!, ...prices]}
      formatX={(value) => formatCount(Math.round(value))}
      formatY={(value) => String(+value.toPrecision(4))}
      columns={["Price (USDC)", "Units", "Peers", "Units so far"]}
      rows={rows.map((row) => [formatUsdc(row.price), `${row.units}`, `${row.peers}`, `${row.until}`])}
    />
  );
}

function Prices(props: { region: number | null; onRegion(region: number | null): void }) {
  const [kind, setKind] = useState(0);
  const found = useMatcher<Page<Depth>>(`/v1/book/depth?kind=${kind}`);
  const unit = kind === 0 ? "per unit and epoch" : "per 10¹² work";
  return (
    <Card
      title="What the next unit costs"
      note={`Free units by price, ${unit}, as signed offers in the book say`}
      aside={
        <fieldset class="choice">
          <legend class="hidden">Kind of deal</legend>
          {["Reserved", "Metered"].map((name, index) => (
            <button type="button" aria-pressed={kind === index} onClick={() => setKind(index)} key={name}>
              {name}
            </button>
          ))}
        </fieldset>
      }
    >
      <Shown of={found}>
        {(page) => {
          const chosen = page.items.filter((d) => props.region === null || d.region === props.region);
          return (
            <>
              <fieldset class="chips">
                <legend class="hidden">Region</legend>
                <button type="button" aria-pressed={props.region === null} onClick={() => props.onRegion(null)}>
                  All regions
                </button>
                {page.items.map((depth) => (
                  <button
                    type="button"
                    key={depth.region}
                    aria-pressed={props.region === depth.region}
                    onClick={() => props.onRegion(depth.region)}
                  >
                    <RegionName region={depth.region} /> {depth.units}
                  </button>
                ))}
              </fieldset>
              <PriceCurve levels={joinLevels(chosen)} unit={unit} />
            </>
          );
        }}
      </Shown>
    </Card>
  );
}

function Usage() {
  const found = useMatcher<Page<EpochUnits>>("/v1/units?limit=48");
  return (
    <Card title="Units sold and free" note="In front the units that ran in each epoch, behind them all that peers had at its end">
      <Shown of={found}>
        {(page) => {
          const epochs = [...page.items].reverse();
          const last = epochs.at(-1);
          if (last === undefined || epochs.every((entry) => entry.offered === 0)) {
            return <p class="empty">No peer has had units yet.</p>;
          }
          return (
            <Chart
              label={`Units in each of the last ${epochs.length} epochs; in the latest ${last.sold} sold and ${last.free} free`}
              kind="bars"
              x={epochs.map((entry) => entry.epoch)}
              y={epochs.map((entry) => entry.sold)}
              whole={epochs.map((entry) => entry.offered)}
              formatX={(value) => (Number.isInteger(value) ? formatCount(value) : "")}
              formatY={(value) => String(Math.round(value * 100) / 100)}
              columns={["Epoch", "Begins", "Sold", "Free", "In all"]}
              rows={epochs.map((entry) => [
                formatCount(entry.epoch),
                formatTime(entry.start),
                `${entry.sold}`,
                `${entry.free}`,
                `${entry.offered}`,
              ])}
            />
          );
        }}
      </Shown>
    </Card>
  );
}

function Figures() {
  const found = useMatcher<Statistics>("/v1/statistics");
  return (
    <Shown of={found}>
      {(now) => (
        <Tiles>
          <Tile label="Units in use" note={`of ${formatCount(now.units)} · ${percentOf(BigInt(now.used), BigInt(now.units))}`}>
            {formatCount(now.used)}
          </Tile>
          <Tile label="Units free" note={`${formatCount(now.peers)} peers of ${formatCount(now.providers)} providers`}>
            {formatCount(now.units - now.used)}
          </Tile>
          <Tile label="Live deals" note={`of ${formatCount(now.deals)} ever`}>
            {formatCount(now.live_deals)}
          </Tile>
          <Tile label="Offers in the book" note={`${formatCount(now.developer_offers)} want units`}>
            {formatCount(now.provider_offers)}
          </Tile>
          <Tile label="Paid to providers" note={`of ${formatUsdc(now.deposited)} put into deals`}>
            <Usdc amount={now.paid} />
          </Tile>
          <Tile label="Epoch" note={`ends ${formatTime(startOf(now.epoch + 1))}`}>
            <Link to={`/epochs/${now.epoch}`}>{formatCount(now.epoch)}</Link>
          </Tile>
        </Tiles>
      )}
    </Shown>
  );
}

function LastMatches() {
  const found = useMatcher<Page<Match>>("/v1/matches?limit=50");
  return (
    <Card
      title="Last matches"
      note="Gap: how much more a perfect round could have given its developers, at most"
      wide
    >
      <Shown of={found}>
        {(page) => (
          <Table
            caption="Last matches"
            rows={page.items}
            keyOf={(row) => row.id}
            empty="This matcher has matched nobody yet."
            most={8}
            columns={[
              { name: "Match", cell: (row) => <Link to={`/matches/${row.id}`}>match {row.id}</Link> },
              { name: "Deal", cell: (row) => (row.deal === null ? "–" : <DealName deal={row.deal} />) },
              { name: "Offer", cell: (row) => <OfferName hash={row.offer} /> },
              { name: "Units", isNumber: true, cell: (row) => row.fills.reduce((sum, fill) => sum + fill.units, 0) },
              { name: "Costs an epoch", isNumber: true, cell: (row) => <Usdc amount={row.total} /> },
              { name: "Gap", isNumber: true, cell: (row) => formatPpm(row.gap_ppm) },
              { name: "Block", isNumber: true, cell: (row) => formatCount(row.block) },
            ]}
          />
        )}
      </Shown>
    </Card>
  );
}

function Regions(props: { region: number | null; onRegion(region: number | null): void }) {
  const found = useAll<Peer>("/v1/peers");
  return (
    <Card title="Where" note="A circle grows with a region's units; the ring shows how many are in use">
      <Shown of={found}>
        {(peers) => {
          const regions = groupPeers(peers);
          return (
            <>
              <WorldMap
                regions={regions}
                chosen={props.region}
                onChoose={(region) => props.onRegion(region === props.region ? null : region)}
              />
              <Table
                caption="Units by region"
                rows={regions}
                keyOf={(row) => row.region}
                empty="No peer is registered yet."
                most={6}
                columns={[
                  { name: "Region", cell: (row) => <><RegionName region={row.region} /> {regionName(row.region)}</> },
                  { name: "Peers", isNumber: true, cell: (row) => row.peers },
                  { name: "Units", isNumber: true, cell: (row) => row.units },
                  { name: "In use", isNumber: true, cell: (row) => row.used },
                  {
                    name: "Share",
                    cell: (row) => <Meter part={row.used} whole={row.units} label={`${row.used} of ${row.units} in use`} />,
                  },
                ]}
              />
            </>
          );
        }}
      </Shown>
    </Card>
  );
}

function Peers() {
  const found = useAll<Peer>("/v1/peers");
  return (
    <Card title="Peers" wide>
      <Shown of={found}>
        {(peers) => (
          <Table
            caption="Peers"
            rows={peers}
            keyOf={(row) => row.id}
            empty="No peer is registered yet."
            most={8}
            columns={[
              { name: "Peer", cell: (row) => <Link to={`/peers/${row.id}`}>peer {row.id}</Link> },
              { name: "Region", cell: (row) => <RegionName region={row.region} /> },
              { name: "Units", isNumber: true, cell: (row) => row.units },
              { name: "Free", isNumber: true, cell: (row) => row.free },
              { name: "Memory a unit", isNumber: true, cell: (row) => `${formatCount(row.memory_mib)} MiB` },
              { name: "Last proof", isNumber: true, cell: (row) => (row.proven === null ? "–" : formatCount(row.proven)) },
              { name: "Endpoint", cell: (row) => <span class="stranger">{row.endpoint}</span> },
            ]}
          />
        )}
      </Shown>
    </Card>
  );
}

export function MarketPage() {
  const [region, setRegion] = useState<number | null>(null);
  return (
    <>
      <h1 tabIndex={-1}>Market</h1>
      <p class="lead">
        Machines for rent, by the unit: one CPU core and its memory, priced by the epoch. Everything here comes from the
        chain and from signed offers.
      </p>
      <Figures />
      <div class="grid">
        <Prices region={region} onRegion={setRegion} />
        <Regions region={region} onRegion={setRegion} />
        <LastMatches />
        <Usage />
        <Card title="Happening now" note="The newest events of the chain, as they are indexed">
          <LatestEvents />
        </Card>
        <Peers />
      </div>
    </>
  );
}
