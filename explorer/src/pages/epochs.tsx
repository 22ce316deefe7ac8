/** Epochs: what ran, what was billed, who committed and who did not, with the roots. */

import { formatCount, formatUsdc } from "../data/amounts";
import { askMatcher } from "../data/fetching";
import { useAll, useMatcher, useReading } from "../data/resources";
import { getSettings } from "../data/settings";
import { formatTime, startOf } from "../data/texts";
import type { Assignment, Epoch, Page } from "../data/views";
import { Card, Link, Name, Shown, State, Table, Tile, Tiles, Usdc } from "../parts/basics";
import { Chart } from "../parts/chart";

export function EpochsPage() {
  const found = useMatcher<Page<Epoch>>("/v1/epochs?limit=100");
  return (
    <>
      <h1 tabIndex={-1}>Epochs</h1>
      <p class="lead">
        The market bills by the epoch. After each, every peer that ran something commits to its receipts; what is not
        committed in time is not paid.
      </p>
      <Shown of={found}>
        {(page) => {
          const rows = [...page.items].reverse();
          return (
            <div class="grid">
              <Card title="Billed" note="USDC that deals put aside in each epoch" wide>
                <Chart
                  label={`Billed in each of the last ${rows.length} epochs`}
                  kind="bars"
                  x={rows.map((row) => row.epoch)}
                  y={rows.map((row) => Number(BigInt(row.billed)) / 1e6)}
                  formatX={(value) => (Number.isInteger(value) ? formatCount(value) : "")}
                  formatY={(value) => String(+value.toPrecision(4))}
                  columns={["Epoch", "Begins", "Billed (USDC)"]}
                  rows={rows.map((row) => [formatCount(row.epoch), formatTime(row.start), formatUsdc(row.billed)])}
                  height={200}
                />
              </Card>
              <Card title="All epochs" wide>
                <Table
                  caption="Epochs"
                  rows={page.items}
                  keyOf={(row) => row.epoch}
                  most={25}
                  columns={[
                    { name: "Epoch", cell: (row) => <Link to={`/epochs/${row.epoch}`}>{formatCount(row.epoch)}</Link> },
                    { name: "Begins", cell: (row) => formatTime(row.start) },
                    { name: "State", cell: (row) => <State name={row.is_final ? "final" : "open"} /> },
                    { name: "Peers that committed", isNumber: true, cell: (row) => `${row.committed} of ${row.peers}` },
                    { name: "Units", isNumber: true, cell: (row) => row.units },
                    { name: "Billed", isNumber: true, cell: (row) => <Usdc amount={row.billed} /> },
                  ]}
                />
              </Card>
            </div>
          );
        }}
      </Shown>
    </>
  );
}

interface Commitment {
  timestamp: number;
  data: { epoch: number | string; peer: number | string; root: string };
}

interface PeerInEpoch {
  peer: number;
  units: number;
  root: string | null;
}

const PAGES = 20;

/** Roots by peer, of the commitments since an epoch began, the newest first. */
async function readRoots(epoch: number): Promise<Map<number, string>> {
  const roots = new Map<number, string>();
  let cursor = "";
  for (let pages = 0; pages < PAGES; pages += 1) {
    const page = await askMatcher<Page<Commitment>>(`/v1/history?names=Committed&limit=1000${cursor}`);
    for (const { data } of page.items) {
      if (Number(data.epoch) === epoch) roots.set(Number(data.peer), String(data.root));
    }
    if (page.next === null || (page.items.at(-1)?.timestamp ?? 0) < startOf(epoch)) break;
    cursor = `&cursor=${page.next}`;
  }
  return roots;
}

export function EpochPage(props: { epoch: number }) {
  const found = useMatcher<Epoch>(`/v1/epochs/${props.epoch}`);
  const assignments = useAll<Assignment>("/v1/assignments");
  const roots = useReading(`roots of ${props.epoch}`, () => readRoots(props.epoch));
  const committed = roots.data ?? new Map<number, string>();
  const byPeer = new Map<number, PeerInEpoch>();
  for (const row of assignments.data ?? []) {
    if (row.start === null || row.start > props.epoch || (row.end !== null && row.end < props.epoch)) continue;
    const entry = byPeer.get(row.peer) ?? { peer: row.peer, units: 0, root: committed.get(row.peer) ?? null };
    entry.units += row.units;
    byPeer.set(row.peer, entry);
  }
  for (const [peer, root] of committed) {
    if (!byPeer.has(peer) && peer !== 0) byPeer.set(peer, { peer, units: 0, root });
  }
  const rows = [...byPeer.values()].sort((a, b) => a.peer - b.peer);
  return (
    <>
      <h1 tabIndex={-1}>
        Epoch {formatCount(props.epoch)} {found.data && <State name={found.data.is_final ? "final" : "open"} />}
      </h1>
      <p class="lead">
        {formatTime(startOf(props.epoch))} to {formatTime(startOf(props.epoch) + getSettings().epochSeconds)} ·{" "}
        <Link to={`/epochs/${props.epoch - 1}`}>the one before</Link> ·{" "}
        <Link to={`/epochs/${props.epoch + 1}`}>the next</Link>
      </p>
      <Shown of={found} missing="This epoch has not begun.">
        {(epoch) => (
          <>
            <Tiles>
              <Tile label="Units that ran">{epoch.units}</Tile>
              <Tile label="Assignments">{epoch.assignments}</Tile>
              <Tile label="Billed">
                <Usdc amount={epoch.billed} />
              </Tile>
              <Tile label="Committed" note={`of ${epoch.peers} peers that had to`}>
                {epoch.committed}
              </Tile>
            </Tiles>
            <Card title="Who committed, who did not" wide>
              <Table
                caption="Peers in this epoch"
                rows={rows}
                keyOf={(row) => row.peer}
                most={50}
                empty="No peer ran anything."
                columns={[
                  { name: "Peer", cell: (row) => <Link to={`/peers/${row.peer}`}>peer {row.peer}</Link> },
                  { name: "Units", isNumber: true, cell: (row) => row.units },
                  { name: "Committed", cell: (row) => <State name={row.root ? "proven" : epoch.is_final ? "missed" : "open"} /> },
                  { name: "Root", cell: (row) => (row.root === null ? "–" : <Name text={row.root} what="root" />) },
                ]}
              />
            </Card>
          </>
        )}
      </Shown>
    </>
  );
}
