/** What a demand's units count for, what it may spend, and the most that anybody could get for it. */

export interface Money {
  balance: bigint;
  maxPrice: bigint;
  /** Units that the offer asks for in all. */
  units: bigint;
  /** What its live units cost an epoch. */
  spent: bigint;
  isMetered: boolean;
  /** Of its wish's budget; null: none. */
  ceiling: bigint | null;
}

export interface Choice {
  price: bigint;
  units: number;
  provider: string;
}

const ACTIVATION_EPOCHS = 2n;
const FUNDED_EPOCHS = 10n;
const PPM = 1_000_000n;

/** What one of its units counts for: no more than its money would pay (decision 0028). */
export function weightOf(money: Money): bigint {
  const times = money.isMetered ? 1n : FUNDED_EPOCHS;
  const most = money.balance / ((money.units > 0n ? money.units : 1n) * times);
  return most < money.maxPrice ? most : money.maxPrice;
}

/** What new units may cost in an epoch and still be activated. */
export function budgetOf(money: Money): bigint {
  const left = (money.balance - money.spent) / (money.isMetered ? 1n : ACTIVATION_EPOCHS);
  const ceiling = money.ceiling === null ? left : money.ceiling - money.spent;
  const budget = left < ceiling ? left : ceiling;
  return budget > 0n ? budget : 0n;
}

export function surplusOf(choices: Pick<Choice, "price" | "units">[], weight: bigint): bigint {
  return choices.reduce((sum, { price, units }) => sum + (weight > price ? (weight - price) * BigInt(units) : 0n), 0n);
}

/** No choice of at most `want` of these units counts for more, with `room` units of each provider: the cheapest. */
export function boundOf(choices: Choice[], want: number, weight: bigint, room: (provider: string) => number): bigint {
  let left = want;
  const rooms = new Map<string, number>();
  const taken = [...choices]
    .sort((a, b) => (a.price < b.price ? -1 : a.price > b.price ? 1 : 0))
    .map(({ price, units, provider }) => {
      const most = rooms.get(provider) ?? room(provider);
      const some = Math.min(left, units, most);
      rooms.set(provider, most - some);
      left -= some;
      return { price, units: some };
    });
  return surplusOf(taken, weight);
}

/** How far a value may be from its bound, rounded up. */
export function gapPpm(value: bigint, bound: bigint): number {
  return bound === 0n ? 0 : Number(((bound - value) * PPM + bound - 1n) / bound);
}
