/** Receipts of one epoch at one peer, fetched through the gateway and checked here. */

import { useState } from "preact/hooks";

import { CALL_STATUS, checkReceipts, type Finding, type Receipt, readReceipt, type ReceiptEpoch } from "../chain/receipts";
import { formatCount, formatUnits } from "../data/amounts";
import { askGateway, Problem } from "../data/fetching";
import { readHistory } from "../data/resources";
import { getSettings } from "../data/settings";
import { capitalize, formatClock, formatTime, pluralOf, startOf } from "../data/texts";
import type { Assignment } from "../data/views";
import { Table } from "./basics";
import { Findings } from "./findings";

const EPOCHS_SHOWN = 24;

/** Calls, errors and latency, as the receipts say them. */
function summarize(receipts: Receipt[]): string {
  if (receipts.length === 0) return "";
  const failed = receipts.filter((receipt) => receipt.status !== 0).length;
  const times = receipts.map((receipt) => receipt.durationUs).sort((a, b) => (a < b ? -1 : 1));
  const middle = times[Math.floor(times.length / 2)] ?? 0n;
  const dearest = times.at(-1) ?? 0n;
  return `${pluralOf(receipts.length, "call")}, ${failed} not answered; half of them took at most ${formatMs(middle)}, the longest ${formatMs(dearest)}.`;
}

function formatMs(microseconds: bigint): string {
  return `${formatUnits(microseconds, 3)} ms`;
}

export function Receipts(props: { deal: number; assignments: Assignment[]; epoch: number }) {
  const peers = [...new Set(props.assignments.filter((entry) => entry.start !== null).map((entry) => entry.peer))];
  const [peer, setPeer] = useState<number | null>(null);
  const [epoch, setEpoch] = useState<number | null>(null);
  const [answer, setAnswer] = useState<ReceiptEpoch | null>(null);
  const [findings, setFindings] = useState<Finding[]>([]);
  const [problem, setProblem] = useState<string | null>(null);
  const chosenPeer = peer ?? peers[0] ?? null;

  if (getSettings().gateway === null) return <p class="empty">This service names no gateway to fetch receipts from.</p>;
  if (chosenPeer === null) return <p class="empty">No peer has run it yet.</p>;
  const begun = Math.min(
    ...props.assignments.filter((entry) => entry.peer === chosenPeer).map((entry) => entry.start ?? props.epoch),
  );
  const count = Math.min(EPOCHS_SHOWN, Math.max(props.epoch - begun, 1));
  const epochs = Array.from({ length: count }, (_, index) => props.epoch - 1 - index);
  const chosenEpoch = epoch ?? epochs[0]!;

  async function check() {
    setProblem(null);
    setAnswer(null);
    try {
      const path = `/v1/deals/${props.deal}/receipts/${chosenEpoch}`;
      const found = await askGateway<ReceiptEpoch>(path, { headers: { "Wasmarket-Peer": String(chosenPeer) } });
      const commitments = await readHistory(`peer=${chosenPeer}&names=Committed&limit=${4 * EPOCHS_SHOWN}`);
      const event = commitments.find((entry) => Number(entry.epoch) === chosenEpoch);
      setFindings(checkReceipts(found, props.deal, event === undefined ? null : String(event.root)));
      setAnswer(found);
    } catch (error) {
      setProblem(error instanceof Problem ? error.message : String(error));
    }
  }

  return (
    <>
      <div class="form-row">
        <label>
          Peer
          <select value={chosenPeer} onChange={(event) => setPeer(Number(event.currentTarget.value))}>
            {peers.map((entry) => (
              <option key={entry} value={entry}>
                peer {entry}
              </option>
            ))}
          </select>
        </label>
        <label>
          Epoch
          <select value={chosenEpoch} onChange={(event) => setEpoch(Number(event.currentTarget.value))}>
            {epochs.map((entry) => (
              <option key={entry} value={entry}>
                {formatCount(entry)}, {formatTime(startOf(entry))}
              </option>
            ))}
          </select>
        </label>
        <button type="button" onClick={check}>
          Fetch and check
        </button>
      </div>
      {problem !== null && (
        <p class="problem" role="alert">
          {capitalize(problem)}.
        </p>
      )}
      {answer !== null && (
        <>
          <Findings findings={findings} />
          <p>{summarize(answer.items.map((item) => readReceipt(item.packed)))}</p>
          <Table
            caption="Receipts"
            rows={answer.items.map((item) => readReceipt(item.packed))}
            keyOf={(row) => `${row.assignment}:${row.sequence}`}
            empty="It was not called in this epoch."
            columns={[
              { name: "Call", cell: (row) => `${row.assignment}:${row.sequence}` },
              { name: "Ended", cell: (row) => capitalize(CALL_STATUS[row.status] ?? `status ${row.status}`) },
              { name: "At", cell: (row) => formatClock(row.time) },
              { name: "Took", isNumber: true, cell: (row) => formatMs(row.durationUs) },
              { name: "Bytes", isNumber: true, cell: (row) => row.size.toString() },
              { name: "Fuel", isNumber: true, cell: (row) => row.fuel.toString() },
            ]}
          />
        </>
      )}
    </>
  );
}
