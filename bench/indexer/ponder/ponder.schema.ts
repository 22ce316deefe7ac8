import { onchainTable } from "ponder";

export const event = onchainTable("event", (t) => ({
  id: t.text().primaryKey(),
  block: t.bigint().notNull(),
  name: t.text().notNull(),
  data: t.text().notNull(),
}));

export const account = onchainTable("account", (t) => ({
  address: t.hex().primaryKey(),
  free: t.bigint().notNull(),
}));
