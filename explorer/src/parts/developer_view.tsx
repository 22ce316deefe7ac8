/** What only a deal's developer sees of it: how its calls went, and what its functions logged. */

import { useState } from "preact/hooks";

import { formatCount } from "../data/amounts";
import { askGateway, askGatewayText } from "../data/fetching";
import { formatClock } from "../data/texts";
import { signRequest } from "../wallet/access_action";
import { Table, Tile, Tiles } from "./basics";

interface Stats {
  calls: Record<string, number>;
  duration_us: number;
  inflight: number;
  workers: number;
  restarts: number;
}

interface LogLine {
  number: number;
  time: number;
  function: string;
  level: string;
  text: string;
}

const LINES = 200;

function countCalls(stats: Stats): number {
  return Object.values(stats.calls).reduce((sum, count) => sum + count, 0);
}

/** Lines of JSON; a line that is none is shown as it is. */
function readLines(text: string): LogLine[] {
  return text
    .split("\n")
    .filter(Boolean)
    .map((line, index) => {
      try {
        return JSON.parse(line);
      } catch {
        return { number: index, time: 0, function: "", level: "", text: line };
      }
    });
}

export function DeveloperView(props: { deal: number; account: string; peers: number[] }) {
  const [peer, setPeer] = useState(props.peers[0] ?? 0);
  const [stats, setStats] = useState<Stats | null>(null);
  const [lines, setLines] = useState<LogLine[] | null>(null);
  const [problem, setProblem] = useState<string | null>(null);

  async function signed(target: string) {
    const authorization = await signRequest(props.account, "GET", target, "");
    return { headers: { Authorization: authorization, "Wasmarket-Peer": String(peer) } };
  }

  async function read(ask: () => Promise<void>) {
    setProblem(null);
    try {
      await ask();
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
  }

  const readStats = () =>
    read(async () => {
      const target = `/v1/deals/${props.deal}/stats`;
      setStats(await askGateway<Stats>(target, await signed(target)));
    });
  const readLogs = () =>
    read(async () => {
      const target = `/v1/deals/${props.deal}/logs?limit=${LINES}`;
      setLines(readLines(await askGatewayText(target, await signed(target))));
    });

  if (props.peers.length === 0) return <p class="empty">No peer runs it now.</p>;
  const calls = stats === null ? 0 : countCalls(stats);
  return (
    <>
      <div class="form-row">
        <label>
          Peer
          <select value={peer} onChange={(event) => setPeer(Number(event.currentTarget.value))}>
            {props.peers.map((entry) => (
              <option key={entry} value={entry}>
                peer {entry}
              </option>
            ))}
          </select>
        </label>
        <button type="button" onClick={readStats}>
          Sign and show calls
        </button>
        <button type="button" onClick={readLogs}>
          Sign and show logs
        </button>
      </div>
      {problem !== null && (
        <p class="problem" role="alert">
          {problem}.
        </p>
      )}
      {stats !== null && (
        <Tiles>
          <Tile label="Calls" note="since the peer started">
            {formatCount(calls)}
          </Tile>
          <Tile label="Not answered" note={describeEnds(stats.calls)}>
            {formatCount(calls - (stats.calls.answered ?? 0))}
          </Tile>
          <Tile label="A call took" note="on average">
            {calls === 0 ? "–" : `${formatCount(Math.round(stats.duration_us / calls / 10) / 100)} ms`}
          </Tile>
          <Tile label="Workers" note={`${stats.restarts} restarts, ${stats.inflight} calls now`}>
            {stats.workers}
          </Tile>
        </Tiles>
      )}
      {lines !== null && (
        <Table
          caption="Log lines"
          rows={[...lines].reverse()}
          keyOf={(row) => row.number}
          empty="Its functions logged nothing there."
          columns={[
            { name: "At", cell: (row) => formatClock(row.time) },
            { name: "Level", cell: (row) => row.level },
            { name: "Function", cell: (row) => <code>{row.function}</code> },
            { name: "Text", isText: true, cell: (row) => <span class="stranger">{row.text}</span> },
          ]}
        />
      )}
    </>
  );
}

function describeEnds(calls: Record<string, number>): string {
  const ends = Object.entries(calls).filter(([name, count]) => name !== "answered" && count > 0);
  return ends.map(([name, count]) => `${count} ${name}`).join(", ") || "all were";
}
