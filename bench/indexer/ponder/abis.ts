import { readFileSync } from "node:fs";

export const NAMES = ["Market", "Staking", "Proofs", "Meter", "Audits"];

export const abis = Object.fromEntries(
  NAMES.map((name) => {
    const abi = JSON.parse(readFileSync(`${process.env.BENCH_ABIS}/${name}.json`, "utf8"));
    return [name, (abi as { type: string }[]).filter((entry) => entry.type === "event")];
  }),
) as Record<string, { type: "event"; name: string }[]>;
