// An order: sum up its table by one deal, tell people by another. Each step is kept, so that a
// workflow that broke off goes on where it was when it is called again with the same order.
import { post } from "wasmarket-guest/http";
import * as kv from "wasmarket-guest/kv";
import { decode, encode } from "wasmarket-guest/text";
import type { f64, Result, u32 } from "wasmarket-guest";

const GATEWAY = "https://gateway.example.org";

interface Deals { data: u32; messaging: u32 }
interface Done { order: string; total: f64; told: boolean }

function call(deal: number, target: string, values: unknown[], key: string): any {
  const headers = { "Content-Type": "application/json", "Idempotency-Key": key };
  const answer = post(`${GATEWAY}/v1/deals/${deal}/${target}`, JSON.stringify(values), { headers });
  if (answer.status !== 200) throw new Error(`${target} answered ${answer.status}: ${answer.text()}`);
  const result = answer.json().result;
  if (result?.err !== undefined) throw new Error(`${target}: ${result.err}`);
  return result?.ok ?? result;
}

/** Do a step once: what it gave is kept under its name. */
function once(name: string, step: () => any): any {
  const kept = kv.get(name);
  if (kept !== undefined) return JSON.parse(decode(kept));
  const value = step() ?? null;
  kv.put(name, encode(JSON.stringify(value)));
  return value;
}

export function process(order: string, table: string, deals: Deals): Result<Done> {
  const columns = once(`${order}/sums`, () =>
    call(deals.data, "data/summarize", [table], `${order}-sums`));
  const prices = columns.find((column: any) => column.name === "price");
  if (prices === undefined) throw new Error("the table has no column price");
  const total = prices.mean * prices.count;
  const message = { kind: "order", text: `order ${order}: ${total}`, order };
  once(`${order}/told`, () =>
    call(deals.messaging, "messaging/notify", [message], `${order}-told`));
  return { order, total, told: true };
}
