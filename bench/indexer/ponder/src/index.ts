// Every event as it came; with BENCH_ROWS=all also the rows that our handlers change for it.
import { ponder } from "ponder:registry";
import { event } from "ponder:schema";
import { abis } from "../abis";
import { changes, type Seen } from "./changes";
import { findSubjects } from "./subjects";

const writesAll = process.env.BENCH_ROWS === "all";
const write = (value: unknown) => JSON.stringify(value, (_, v) => (typeof v === "bigint" ? String(v) : v));

for (const [contract, entries] of Object.entries(abis)) {
  for (const { name } of entries) {
    const change = writesAll ? changes[name] : undefined;
    ponder.on(`${contract}:${name}` as never, async ({ event: seen, context }: { event: Seen; context: any }) => {
      await change?.(context.db, seen);
      await context.db.insert(event).values({
        id: seen.id,
        block: seen.block.number,
        logIndex: seen.log.logIndex,
        name,
        timestamp: seen.block.timestamp,
        tx: seen.transaction.hash,
        ...(writesAll ? await findSubjects(context.db, seen.args) : {}),
        data: write(seen.args),
      });
    });
  }
}
