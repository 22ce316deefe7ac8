/** What the page computes by itself, against the vectors that the Python side must meet too. */

import merkle from "../../tests/vectors/merkle.json";
import receipts from "../../tests/vectors/receipts.json";
import typedData from "../../tests/vectors/typed_data.json";
import wishes from "../../tests/vectors/wishes.json";
import { fromHex, sha, toHex } from "../src/chain/bytes";
import { rootOf, rootOfProof } from "../src/chain/merkle";
import { readReceipt } from "../src/chain/receipts";
import { boundOf, budgetOf, gapPpm, type Money, surplusOf, weightOf } from "../src/chain/surplus";
import {
  DEVELOPER_OFFER,
  digestOf,
  type Domain,
  type Field,
  hashStruct,
  marketDomain,
  PROVIDER_OFFER,
  recoverSigner,
  REQUEST,
} from "../src/chain/typed_data";
import { hashWish, isSignedBy, type PeerFacts, type Wish, wishAgainst } from "../src/chain/wishes";
import { costOf, formatPpm, formatUnits, formatUsdc, parseUnits, percentOf } from "../src/data/amounts";
import { cidOf, digestOf as digestOfCid, formatSpan, shorten } from "../src/data/texts";
import { decodeReason, encodeCall } from "../src/wallet/calls";

function same(what: string, found: unknown, expected: unknown) {
  const [a, b] = [found, expected].map((value) => JSON.stringify(value, (_, v) => (typeof v === "bigint" ? `${v}n` : v)));
  if (a !== b) throw new Error(`${what}: ${a} instead of ${b}`);
}

const FIELDS: Record<string, Field[]> = {
  ProviderOffer: PROVIDER_OFFER,
  DeveloperOffer: DEVELOPER_OFFER,
  Request: REQUEST,
};

/** The 64 bytes of a signature; the vectors write its halves as numbers, without leading zeros. */
function compactOf(r: string, vs: string): string {
  return `0x${r.slice(2).padStart(64, "0")}${vs.slice(2).padStart(64, "0")}`;
}

let structs = 0;
for (const entry of typedData.cases) {
  const fields = FIELDS[entry.struct];
  if (fields === undefined) continue;
  structs += 1;
  const hash = hashStruct(entry.struct, fields, entry.message as Record<string, unknown>);
  same(`${entry.name}: struct hash`, toHex(hash), entry.struct_hash);
  const digest = digestOf(entry.domain as Domain, hash);
  same(`${entry.name}: digest`, toHex(digest), entry.digest);
  same(`${entry.name}: signer of 65 bytes`, recoverSigner(digest, entry.signature65), typedData.address);
  same(`${entry.name}: signer of 64 bytes`, recoverSigner(digest, compactOf(entry.r, entry.vs)), typedData.address);
}
same("structs were there", structs >= 4, true);
same("no signature", recoverSigner(new Uint8Array(32), "0x1234"), null);

const entries = merkle.entries.map(fromHex);
for (let size = 1; size <= entries.length; size += 1) {
  same(`root of ${size}`, toHex(rootOf(entries.slice(0, size))), `0x${merkle.roots[size]}`);
}
for (const { size, index, proof } of merkle.proofs) {
  const root = rootOfProof(entries[index]!, index, size, proof.map(fromHex));
  same(`proof ${index} of ${size}`, root && toHex(root), `0x${merkle.roots[size]}`);
  same(`longer proof ${index} of ${size}`, rootOfProof(entries[index]!, index, size, [...proof.map(fromHex), new Uint8Array(32)]), null);
}
for (const { fields, packed, sha256 } of receipts.chain) {
  same("receipt", toHex(sha(fromHex(packed))), `0x${sha256}`);
  const read = readReceipt(packed);
  same("its members", [read.assignment, read.sequence, read.status, Number(read.size), read.time], [
    fields.assignment,
    fields.sequence,
    fields.status,
    fields.size,
    fields.time,
  ]);
}

const domain = marketDomain(wishes.chain_id, wishes.market);
for (const { name, wish, struct_hash, signature } of wishes.cases) {
  const signed = { wish: wish as Wish, signature };
  same(`${name}: wish`, toHex(hashWish(signed.wish, wishes.offer)), struct_hash);
  same(`${name}: signed`, isSignedBy(signed, wishes.offer, wishes.developer, domain), true);
  same(`${name}: beside another offer`, isSignedBy(signed, `0x${"22".repeat(32)}`, wishes.developer, domain), false);
}
const seen = { gateway: "https://gw.example", region: "DE", ms: 150, answers: 40, at: 1 };
const slow: PeerFacts = { peer: 1, latencies: [seen], history: { uptime_ppm: 900_000, evictions: 1, age_epochs: 5 } };
const quick = { max_latency_ms: 80, gateway: "https://gw.example" };
const against = (wish: Wish, facts: PeerFacts | undefined = slow) => wishAgainst(wish, facts) !== null;
same("who is slow is excluded, and who was not measured is not", [against(quick), against(quick, { peer: 2 })], [true, false]);
same("as slow as may be, and by another", [against({ ...quick, max_latency_ms: 150 }), against({ ...quick, gateway: "x" })], [false, false]);
same("evictions", [against({ max_evictions: 0 }), against({ max_evictions: 1 }), against({ max_evictions: 1 }, { peer: 2 })], [true, false, true]);
same("uptime", [against({ min_uptime_ppm: 900_001 }), against({ min_uptime_ppm: 900_000 }), against({ min_uptime_ppm: 1 }, { peer: 2 })], [true, false, true]);
same("age", [against({ min_age_epochs: 6 }), against({ min_age_epochs: 5 })], [true, false]);
same("what it does not say", [against({ data_centers: ["a"] }), against({ claims: ["iso"] }), against({ min_speed: 1 }), against({})], [true, true, true, false]);

const money: Money = { balance: 10_000n, maxPrice: 100n, units: 8n, spent: 50n, isMetered: false, ceiling: null };
same("weight", [weightOf(money), weightOf({ ...money, maxPrice: 200n }), weightOf({ ...money, isMetered: true, maxPrice: 2_000n })], [100n, 125n, 1_250n]);
same("budget", [budgetOf(money), budgetOf({ ...money, ceiling: 70n }), budgetOf({ ...money, ceiling: 40n })], [4_975n, 20n, 0n]);
const choices = [
  { price: 90n, units: 2, provider: "a" },
  { price: 10n, units: 3, provider: "b" },
  { price: 120n, units: 9, provider: "a" },
];
const most = (want: number, room = 99) => boundOf(choices, want, 100n, () => room);
same("surplus", surplusOf(choices, 100n), 290n);
same("most", [most(4), most(1), most(99), most(4, 2), most(4, 1)], [280n, 90n, 290n, 200n, 100n]);
same("gap", [gapPpm(280n, 290n), gapPpm(290n, 290n), gapPpm(0n, 0n)], [34_483, 0, 0]);

same("usdc", formatUsdc("1234567890123456789"), "1,234,567,890,123.456789");
same("usdc, small", formatUsdc(1n), "0.000001");
same("usdc, below zero", formatUsdc(-1_500_000n), "−1.50");
same("units", formatUnits(10n ** 20n, 18), "100");
same("read", ["1.25", "1,000", "0.0000001", "-1", "", "1e3", "12."].map((text) => parseUnits(text, 6)), [
  1_250_000n,
  1_000_000_000n,
  null,
  null,
  null,
  null,
  null,
]);
same("percent", [percentOf(1n, 3n), percentOf(1n, 0n), formatPpm(66_667)], ["33.33 %", "–", "6.6667 %"]);
const paid = { units: 2, price: "15000", start: 10, end: 12, skipped: 32_768 };
same("cost", [9, 10, 11, 12, 13].map((epoch) => costOf(paid, epoch)), [0n, 15_000n, 30_000n, 30_000n, 0n]);
const app = `0x${"ab".repeat(32)}`;
same("cid and back", digestOfCid(cidOf(app)), app);
same("no cid", [digestOfCid("bafybeigdyrzt"), digestOfCid("7")], [null, null]);
same("span", [formatSpan(0), formatSpan(61), formatSpan(90_000)], ["0 seconds", "1 minute 1 second", "1 day 1 hour"]);
same("short names stay", shorten("0x12"), "0x12");
same("call", encodeCall("transfer(address,uint256)", [`0x${"11".repeat(20)}`, 1n]).slice(0, 10), "0xa9059cbb");
same("call with a list", encodeCall("claim(uint256[])", [[1n, 2n]]).length, 2 + 2 * (4 + 4 * 32));
same("call with an address", encodeCall("withdraw(address)", [`0x${"11".repeat(20)}`]).slice(0, 10), "0x51cff8d9");
const told = encodeCall("set_endpoint(uint256,string)", [7, { text: "http://x" }]);
same("call with a text", told.slice(10).match(/.{64}/g), [
  "7".padStart(64, "0"),
  "40".padStart(64, "0"),
  "8".padStart(64, "0"),
  "687474703a2f2f78".padEnd(64, "0"),
]);
const reason = `0x08c379a0${(32).toString(16).padStart(64, "0")}${(3).toString(16).padStart(64, "0")}${"6e6f21".padEnd(64, "0")}`;
same("reason", [decodeReason(reason), decodeReason("0x1234"), decodeReason(undefined)], ["no!", null, null]);
