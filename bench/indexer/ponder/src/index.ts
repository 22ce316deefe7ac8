// Less than our index does: every event as it came, and the free money of accounts.
import { ponder } from "ponder:registry";
import { account, event } from "ponder:schema";
import { abis } from "../abis";

const write = (value: unknown) => JSON.stringify(value, (_, v) => (typeof v === "bigint" ? String(v) : v));

for (const [contract, entries] of Object.entries(abis)) {
  for (const { name } of entries) {
    ponder.on(`${contract}:${name}` as never, async ({ event: seen, context }: any) => {
      const { args } = seen;
      await context.db.insert(event).values({ id: seen.id, block: seen.block.number, name, data: write(args) });
      if (args?.account && args.free !== undefined) {
        await context.db
          .insert(account)
          .values({ address: args.account, free: args.free })
          .onConflictDoUpdate({ free: args.free });
      }
    });
  }
}
