import { createConfig } from "ponder";
import { abis } from "./abis";

const places = JSON.parse(process.env.BENCH_CONTRACTS!) as Record<string, `0x${string}`>;
const range = { startBlock: Number(process.env.BENCH_FIRST), endBlock: Number(process.env.BENCH_LAST) };

export default createConfig({
  database: { kind: "pglite" },
  chains: { bench: { id: Number(process.env.BENCH_CHAIN), rpc: process.env.BENCH_RPC! } },
  contracts: Object.fromEntries(
    Object.entries(places).map(([name, address]) => [
      name,
      { chain: "bench", abi: abis[name], address, ...range },
    ]),
  ) as never,
});
