/** What a provider's actions do to its stake: each amount before and after, from the chain. */

import { contractAddress, getSettings } from "../data/settings";
import { formatSpan, formatTime } from "../data/texts";
import type { Argument } from "./calls";
import { type ActionPlan, approval, type Change, Impossible, readOne, type Step, stepOf, view } from "./plans";
import { readChainTime } from "./provider";

const staking = () => contractAddress("Staking");
const flt = () => getSettings().deployment.tokens.flt.address;
const bondOf = (units: bigint) => units * BigInt(getSettings().deployment.parameters.bond_per_unit ?? 0);

interface Stake {
  held: bigint;
  free: bigint;
  bonded: bigint;
  leaving: bigint;
  ready: number;
}

async function readStake(account: string): Promise<Stake> {
  const [held, free, bonded, [leaving = 0n, ready = 0n]] = await Promise.all([
    readOne(flt(), "balanceOf(address)", [account]),
    readOne(staking(), "free(address)", [account]),
    readOne(staking(), "locked(address)", [account]),
    view(staking(), "leaving(address)", [account]),
  ]);
  return { held, free, bonded, leaving, ready: Number(ready) };
}

function changesOf(before: Stake, after: Partial<Stake>): Change[] {
  const named: [string, "held" | "free" | "bonded" | "leaving"][] = [
    ["Your wallet", "held"],
    ["Free stake", "free"],
    ["Bonded stake", "bonded"],
    ["Leaving stake", "leaving"],
  ];
  return named
    .map(([what, name]): Change => ({ what, kind: "flt", before: before[name], after: after[name] ?? before[name] }))
    .filter((entry) => entry.before !== entry.after);
}

const act = (what: string, signature: string, args: Argument[]) => stepOf(staking(), what, signature, args);

/** The steps that put FLT into the free stake. */
async function stakeSteps(account: string, amount: bigint): Promise<Step[]> {
  const allowed = await readOne(flt(), "allowance(address,address)", [account, staking()]);
  const what = "Allow Staking to take exactly this from your wallet";
  return [...(amount > allowed ? [approval(flt(), staking(), amount, what)] : []), act("Stake", "deposit(uint256)", [amount])];
}

export async function planStake(account: string, amount: bigint): Promise<ActionPlan> {
  const now = await readStake(account);
  if (amount > now.held) throw new Impossible("your wallet holds less");
  return {
    changes: changesOf(now, { held: now.held - amount, free: now.free + amount }),
    steps: await stakeSteps(account, amount),
    notes: ["Free stake becomes a bond when you register a peer or give it more units."],
  };
}

async function leavingNote(now: Stake): Promise<string> {
  const delay = Number(await readOne(staking(), "DELAY()", []));
  const all = now.leaving > 0n ? ", and so does all that is leaving already" : "";
  return `It can be withdrawn ${formatSpan(delay)} later${all}.`;
}

export async function planUnstake(account: string, amount: bigint): Promise<ActionPlan> {
  const now = await readStake(account);
  if (amount > now.free) throw new Impossible("your free stake is smaller: a bond leaves when its units do");
  return {
    changes: changesOf(now, { free: now.free - amount, leaving: now.leaving + amount }),
    steps: [act("Unstake", "request(uint256)", [amount])],
    notes: [await leavingNote(now)],
  };
}

export async function planWithdrawStake(account: string): Promise<ActionPlan> {
  const [now, time] = await Promise.all([readStake(account), readChainTime()]);
  if (now.leaving === 0n) throw new Impossible("nothing is leaving: unstake first");
  if (time < now.ready) throw new Impossible(`it can be withdrawn from ${formatTime(now.ready)} on`);
  return {
    changes: changesOf(now, { held: now.held + now.leaving, leaving: 0n }),
    steps: [act("Withdraw stake", "withdraw(address)", [account])],
    notes: [],
  };
}

/** Bond more units: of the free stake first, the rest from the wallet. */
async function planBond(account: string, units: bigint): Promise<{ changes: Change[]; steps: Step[] }> {
  const now = await readStake(account);
  const bond = bondOf(units);
  const missing = bond > now.free ? bond - now.free : 0n;
  if (missing > now.held) throw new Impossible("your free stake and your wallet together do not hold the bond");
  const after = { held: now.held - missing, free: now.free + missing - bond, bonded: now.bonded + bond };
  return { changes: changesOf(now, after), steps: missing > 0n ? await stakeSteps(account, missing) : [] };
}

export interface Machine {
  key: string;
  wallet: string;
  units: number;
  memory: number;
  region: number;
  traits: bigint;
  endpoint: string;
}

export async function planRegister(account: string, machine: Machine): Promise<ActionPlan> {
  const bond = await planBond(account, BigInt(machine.units));
  const { key, units, memory, region, traits, wallet, endpoint } = machine;
  const signature = "register_peer(bytes32,uint256,uint256,uint256,uint256,address,string)";
  const args: Argument[] = [key, units, memory, region, traits, wallet, { text: endpoint }];
  return {
    changes: [...bond.changes, { what: "Units for sale", kind: "units", before: 0n, after: BigInt(units) }],
    steps: [...bond.steps, stepOf(contractAddress("Market"), "Register", signature, args)],
    notes: [
      "Memory, region and traits cannot be changed later; units, wallet and endpoint can.",
      "The bond is lost in part where the peer does not prove its epochs, and whole where it is convicted.",
      "The peer's wallet needs a little of the chain's coin for gas. Then run it and offer its units.",
    ],
  };
}

export async function planUnits(account: string, peer: number, units: number): Promise<ActionPlan> {
  const [, before = 0n, used = 0n] = await view(contractAddress("MarketLens"), "peer(uint256)", [peer]);
  const after = BigInt(units);
  if (after < used) throw new Impossible(`${used} of its units are in use`);
  if (after === before) throw new Impossible("it sells so many already");
  const resize = stepOf(contractAddress("Market"), "Change units", "set_units(uint256,uint256)", [peer, units]);
  const sold: Change = { what: `Units of peer ${peer}`, kind: "units", before, after };
  if (after > before) {
    const bond = await planBond(account, after - before);
    return { changes: [sold, ...bond.changes], steps: [...bond.steps, resize], notes: [] };
  }
  const now = await readStake(account);
  const freed = bondOf(before - after);
  const rest = { bonded: now.bonded - freed, leaving: now.leaving + freed };
  return { changes: [sold, ...changesOf(now, rest)], steps: [resize], notes: [await leavingNote(now)] };
}
