// What every language must be able to do, in TypeScript.
import type { f32, Result, s8, s64, SiteRequest, SiteResponse, u8, u16, u32, u64 } from "wasmarket-guest";
import * as call from "wasmarket-guest/call";
import * as http from "wasmarket-guest/http";
import * as ipfs from "wasmarket-guest/ipfs";
import * as kv from "wasmarket-guest/kv";
import * as log from "wasmarket-guest/log";
import { encode } from "wasmarket-guest/text";

type Colour = "red" | "dark-green";

interface Point {
  x: s64;
  firstName: string;
}

interface Everything {
  small: u8;
  medium: u16;
  wide: u32;
  huge: u64;
  signed: s8;
  long: s64;
  single: f32;
  double: number;
  flag: boolean;
  text: string;
  data: Uint8Array;
  colour: Colour;
  point: Point;
  points: Point[];
  maybe?: u32;
  nested: u8[][] | null;
  pair: [u8, string];
}

export function same(value: Everything): Everything {
  return value;
}

export function echoBytes(data: Uint8Array): Uint8Array {
  return data;
}

export function divide(a: s64, b: s64): Result<s64> {
  if (b === 0) throw new Error("division by zero");
  return Math.trunc(a / b);
}

export function check(word: string): Result<void> {
  if (word !== "please") throw new Error("say please");
}

export function trap(): void {
  throw new Error("this is a mistake");
}

export function spin(): void {
  for (;;);
}

export function eat(): u32 {
  const kept: Uint8Array[] = [];
  for (;;) kept.push(new Uint8Array(1 << 20).fill(1));
}

export function say(text: string): void {
  log.warn(text);
  console.log(text);
  console.error(text);
}

function expect(holds: boolean): void {
  if (!holds) throw new Error("it does not hold");
}

export function remember(key: string, value: Uint8Array): string[] {
  kv.put(key, value);
  expect(kv.get(key)?.length === value.length);
  expect(kv.swap(key, value, encode("other")));
  expect(!kv.swap(key, value, encode("third")));
  kv.add("count", 2);
  expect(kv.add("count", 3) === 5);
  expect(kv.get("nothing") === undefined);
  kv.remove(key);
  kv.put("last", new Uint8Array());
  return kv.keys("", "", 100);
}

export function keep(data: Uint8Array): Uint8Array {
  return ipfs.get(ipfs.put(data));
}

export function fetch(url: string): Result<string> {
  const answer = http.send("POST", url, { headers: { "x-name": "value" }, body: "hello" });
  return `${answer.status} ${answer.headers["content-type"]} ${answer.text()}`;
}

export function who(): string {
  return call.parameters()["service_id"];
}

export function site(request: SiteRequest): SiteResponse {
  const name = request.headers["x-name"] ?? "";
  return {
    status: 201,
    headers: { "X-Own": "yes" },
    body: `${request.method} ${request.path} ${request.query} ${name} ${request.text()}`,
  };
}
