/** What a metered deal was used for: vouchers that peers redeemed, and the work that they are for. */

import { formatCount, formatUsdc, formatWork, toDrawn, USDC_DECIMALS } from "../data/amounts";
import type { Resource } from "../data/resources";
import { epochOf, formatTime, startOf } from "../data/texts";
import type { Assignment, Redemption } from "../data/views";
import { Name, PeerName, Shown, Table, Usdc } from "./basics";
import { Chart } from "./chart";

/** Sums by the epoch of the payment, the oldest first. */
export function Payments(props: { of: Resource<Redemption[]> }) {
  return (
    <Shown of={props.of}>
      {(rows) => {
        if (rows.length === 0) return <p class="empty">No voucher was redeemed yet, so nothing was paid.</p>;
        const sums = new Map<number, bigint>();
        for (const row of rows) sums.set(epochOf(row.at), (sums.get(epochOf(row.at)) ?? 0n) + BigInt(row.paid));
        const epochs = [...sums].sort(([a], [b]) => a - b).slice(-48);
        return (
          <Chart
            label="Paid for work, by the epoch of the payment"
            kind="bars"
            x={epochs.map(([epoch]) => epoch)}
            y={epochs.map(([, paid]) => toDrawn(paid, USDC_DECIMALS))}
            formatX={(value) => (Number.isInteger(value) ? formatCount(value) : "")}
            formatY={(value) => String(+value.toPrecision(4))}
            columns={["Epoch of the payment", "Begins", "Paid (USDC)"]}
            rows={epochs.map(([epoch, paid]) => [formatCount(epoch), formatTime(startOf(epoch)), formatUsdc(paid)])}
            height={200}
          />
        );
      }}
    </Shown>
  );
}

/** One line for each voucher, the newest first. */
export function Vouchers(props: { of: Resource<Redemption[]>; assignments: Assignment[] }) {
  const peers = new Map(props.assignments.map((entry) => [entry.id, entry.peer]));
  return (
    <Shown of={props.of}>
      {(rows) => (
        <Table
          caption="Vouchers"
          rows={[...rows].reverse()}
          keyOf={(row) => `${row.in_block}:${row.log_index}`}
          empty="No voucher was redeemed yet."
          columns={[
            { name: "When", cell: (row) => formatTime(row.at) },
            { name: "Peer", cell: (row) => <PeerOf peer={peers.get(row.assignment)} /> },
            { name: "Assignment", isNumber: true, cell: (row) => row.assignment },
            { name: "Work so far", isNumber: true, cell: (row) => formatWork(row.work) },
            { name: "Paid", isNumber: true, cell: (row) => <Usdc amount={row.paid} /> },
            { name: "Still owed", isNumber: true, cell: (row) => <Usdc amount={row.owed} /> },
            { name: "Balance then", isNumber: true, cell: (row) => <Usdc amount={row.balance} /> },
            { name: "Sent in", cell: (row) => <Name text={row.tx} to={`/transactions/${row.tx}`} what="transaction" /> },
          ]}
        />
      )}
    </Shown>
  );
}

function PeerOf(props: { peer: number | undefined }) {
  return props.peer === undefined ? <span class="note">?</span> : <PeerName peer={props.peer} />;
}
