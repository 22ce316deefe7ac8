/** What each action would do: its transactions, and every amount before and after, from the chain. */

import { contractAddress, getSettings } from "../data/settings";
import { NO_END } from "../data/texts";
import { type Argument, decodeWords, encodeCall } from "./calls";
import { callView } from "./provider";

export interface Change {
  what: string;
  kind: "usdc" | "flt" | "units" | "assignments";
  before: bigint;
  after: bigint;
}

export interface Step {
  what: string;
  to: string;
  data: string;
}

export interface ActionPlan {
  changes: Change[];
  steps: Step[];
  /** What else should be known before it is signed. */
  notes: string[];
}

/** Why an action makes no sense, said before anything is signed. */
export class Impossible extends Error {}

const market = () => contractAddress("Market");
const usdc = () => getSettings().deployment.tokens.usdc.address;

export async function view(contract: string, signature: string, args: Argument[]): Promise<bigint[]> {
  return decodeWords(await callView(contract, encodeCall(signature, args)));
}

export async function readOne(contract: string, signature: string, args: Argument[]): Promise<bigint> {
  return (await view(contract, signature, args))[0] ?? 0n;
}

const lens = (signature: string, args: Argument[]) => view(contractAddress("MarketLens"), signature, args);

export const readFree = (account: string) => readOne(contractAddress("MarketLens"), "free(address)", [account]);
export const readHeld = (account: string) => readOne(usdc(), "balanceOf(address)", [account]);
export const readCounter = (account: string) => readOne(contractAddress("MarketLens"), "counter(address)", [account]);
const readAllowance = (account: string) => readOne(usdc(), "allowance(address,address)", [account, market()]);

interface DealNow {
  balance: bigint;
  rate: bigint;
  end: bigint;
  units: bigint;
}

async function readDeal(deal: number): Promise<DealNow> {
  const [, balance = 0n, rate = 0n, , end = 0n, units = 0n] = await lens("deal(uint256)", [deal]);
  return { balance, rate, end, units };
}

const usdcChange = (what: string, before: bigint, after: bigint): Change => ({ what, kind: "usdc", before, after });

export function stepOf(to: string, what: string, signature: string, args: Argument[]): Step {
  return { what, to, data: encodeCall(signature, args) };
}

const step = (what: string, signature: string, args: Argument[]) => stepOf(market(), what, signature, args);

/** Let a contract take exactly so many tokens. */
export function approval(token: string, taker: string, amount: bigint, what: string): Step {
  return stepOf(token, what, "approve(address,uint256)", [taker, amount]);
}

const APPROVE = "Allow the market to take exactly this from your wallet";

/** Take money from the account's free balance first and the rest from its tokens, as Market does. */
export async function planSpending(account: string, amount: bigint): Promise<{ changes: Change[]; steps: Step[] }> {
  const [free, held, allowed] = await Promise.all([readFree(account), readHeld(account), readAllowance(account)]);
  const fromFree = amount < free ? amount : free;
  const pulled = amount - fromFree;
  if (pulled > held) throw new Impossible("your free balance and your wallet together do not hold so much");
  const changes = [
    usdcChange("Your free balance", free, free - fromFree),
    usdcChange("Your wallet", held, held - pulled),
  ].filter((entry) => entry.before !== entry.after);
  if (pulled <= allowed) return { changes, steps: [] };
  return { changes, steps: [approval(usdc(), market(), pulled, APPROVE)] };
}

export async function planTopUp(account: string, deal: number, amount: bigint): Promise<ActionPlan> {
  const [now, spending] = await Promise.all([readDeal(deal), planSpending(account, amount)]);
  const notes = now.rate > 0n ? [`It then pays for ${(now.balance + amount) / now.rate} more epochs.`] : [];
  return {
    changes: [usdcChange(`Balance of deal ${deal}`, now.balance, now.balance + amount), ...spending.changes],
    steps: [...spending.steps, step("Top up", "top_up(uint256,uint256)", [deal, amount])],
    notes,
  };
}

export async function planTake(account: string, deal: number, amount: bigint): Promise<ActionPlan> {
  const [now, free] = await Promise.all([readDeal(deal), readFree(account)]);
  if (amount > now.balance) throw new Impossible("the deal does not have so much");
  const left = now.balance - amount;
  const notes = now.rate > 0n ? [`It then pays for ${left / now.rate} more epochs.`] : [];
  return {
    changes: [usdcChange(`Balance of deal ${deal}`, now.balance, left), usdcChange("Your free balance", free, free + amount)],
    steps: [step("Take", "take(uint256,uint256)", [deal, amount])],
    notes,
  };
}

export async function planStop(account: string, deal: number, isMetered: boolean): Promise<ActionPlan> {
  const [now, free] = await Promise.all([readDeal(deal), readFree(account)]);
  const returned = isMetered ? 0n : now.balance;
  const notes = ["The epoch that runs now is paid. A deal that is stopped cannot begin again."];
  if (isMetered) notes.push("What signed usage does not need can be taken some epochs later.");
  if (now.end !== BigInt(NO_END)) notes.push("It would also end by itself.");
  return {
    changes: [
      usdcChange(`Balance of deal ${deal}`, now.balance, now.balance - returned),
      usdcChange("Your free balance", free, free + returned),
      { what: "Units", kind: "units", before: now.units, after: 0n },
    ],
    steps: [step("Stop", "stop(uint256)", [deal])],
    notes,
  };
}

export interface Dropped {
  id: number;
  units: number;
  price: string;
  state: string;
}

/** Why a developer drops: not a fault of the peer (docs/reasons.md). */
const WHY_DROPPED = 64n;

export async function planDrop(deal: number, dropped: Dropped[]): Promise<ActionPlan> {
  const now = await readDeal(deal);
  const units = dropped.reduce((sum, entry) => sum + BigInt(entry.units), 0n);
  const rate = dropped
    .filter((entry) => entry.state === "active")
    .reduce((sum, entry) => sum + BigInt(entry.price) * BigInt(entry.units), 0n);
  const args: Argument[] = [dropped.map((entry) => BigInt(entry.id)), WHY_DROPPED];
  return {
    changes: [
      usdcChange("Costs an epoch", now.rate, now.rate - rate),
      { what: "Units", kind: "units", before: now.units, after: now.units - units },
    ],
    steps: [step("Drop", "drop(uint256[],uint256)", args)],
    notes: ["The epoch that runs now is paid. The matcher looks for other units while the offer has room."],
  };
}

/** Most assignments of one transaction. */
const MOST_CLAIMED = 60;

export async function planClaim(account: string, assignments: number[], isProvider: boolean): Promise<ActionPlan> {
  const ids = assignments.slice(0, MOST_CLAIMED).map(BigInt);
  if (ids.length === 0) throw new Impossible("there is nothing to claim from");
  const [, , ...pairs] = await lens("claimable(uint256[])", [ids]);
  let paid = 0n;
  let refunded = 0n;
  for (let index = 0; index < pairs.length; index += 2) {
    paid += pairs[index] ?? 0n;
    refunded += pairs[index + 1] ?? 0n;
  }
  if (paid + refunded === 0n) throw new Impossible("nothing is final yet: an epoch can be claimed two epochs later");
  const free = await readFree(account);
  return {
    changes: [
      ...(isProvider ? [usdcChange("Your free balance", free, free + paid)] : []),
      usdcChange("Goes to providers", 0n, paid),
      usdcChange("Goes back to developers", 0n, refunded),
    ],
    steps: [step("Claim", "claim(uint256[])", [ids])],
    notes: assignments.length > MOST_CLAIMED ? [`The first ${MOST_CLAIMED} assignments; claim again for the rest.`] : [],
  };
}

export async function planWithdraw(account: string, amount: bigint): Promise<ActionPlan> {
  const [free, held] = await Promise.all([readFree(account), readHeld(account)]);
  if (amount > free) throw new Impossible("your free balance is smaller");
  return {
    changes: [usdcChange("Your free balance", free, free - amount), usdcChange("Your wallet", held, held + amount)],
    steps: [step("Withdraw", "withdraw(uint256,address)", [amount, account])],
    notes: [],
  };
}

export async function planDeposit(account: string, amount: bigint): Promise<ActionPlan> {
  const [free, held, allowed] = await Promise.all([readFree(account), readHeld(account), readAllowance(account)]);
  if (amount > held) throw new Impossible("your wallet holds less");
  const approve = approval(usdc(), market(), amount, APPROVE);
  return {
    changes: [usdcChange("Your wallet", held, held - amount), usdcChange("Your free balance", free, free + amount)],
    steps: [...(amount > allowed ? [approve] : []), step("Deposit", "deposit(uint256)", [amount])],
    notes: [],
  };
}

export async function planCancel(hash: string): Promise<ActionPlan> {
  return {
    changes: [],
    steps: [step("Cancel", "cancel(bytes32)", [hash])],
    notes: ["The offer is void for ever, at every matcher. Deals and assignments that came of it go on."],
  };
}
