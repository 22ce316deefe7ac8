/** Amounts are whole numbers of base units (BigInt) from the answer to the screen; never floats. */

export const USDC_DECIMALS = 6;
export const FLT_DECIMALS = 18;
const WORK_DECIMALS = 12;
const SHARE_ONE = 65536n;

/** Write base units as a decimal number, exactly, with at least `least` decimals. */
export function formatUnits(amount: bigint, decimals: number, least = 0): string {
  const sign = amount < 0n ? "−" : "";
  const digits = (amount < 0n ? -amount : amount).toString().padStart(decimals + 1, "0");
  const whole = digits.slice(0, -decimals).replace(/\B(?=(\d{3})+$)/g, ",");
  const part = digits.slice(-decimals).replace(/0+$/, "").padEnd(least, "0");
  return sign + whole + (part ? `.${part}` : "");
}

export function formatUsdc(amount: bigint | string): string {
  return formatUnits(BigInt(amount), USDC_DECIMALS, 2);
}

export function formatFlt(amount: bigint | string): string {
  return formatUnits(BigInt(amount), FLT_DECIMALS);
}

/** Work in units of 10^12, as metered prices count it. */
export function formatWork(work: bigint | string): string {
  return `${formatUnits(BigInt(work), WORK_DECIMALS)} × 10¹²`;
}

/** Read what a person typed as base units; null if it is not an amount. */
export function parseUnits(text: string, decimals: number): bigint | null {
  const match = /^(\d{1,30})(?:\.(\d+))?$/.exec(text.trim().replaceAll(",", ""));
  if (!match) return null;
  const part = match[2] ?? "";
  if (part.length > decimals) return null;
  return BigInt(match[1] + part.padEnd(decimals, "0"));
}

/** Only for the height of a bar or the place of a point: what is written beside it is exact. */
export function toDrawn(amount: bigint, decimals: number): number {
  return Number(amount) / 10 ** decimals;
}

export function formatCount(count: number): string {
  return count.toString().replace(/\B(?=(\d{3})+$)/g, ",");
}

/** A share of a whole in percent, by whole numbers. */
export function percentOf(part: bigint, whole: bigint): string {
  return whole === 0n ? "–" : `${formatUnits((part * 10000n) / whole, 2)} %`;
}

export function formatPpm(ppm: number): string {
  return `${formatUnits(BigInt(ppm), 4)} %`;
}

export interface Paid {
  units: number;
  price: string;
  start: number | null;
  end: number | null;
  skipped: number;
}

/** What an assignment of a reserved deal costs in an epoch: of the first one only the share. */
export function costOf(assignment: Paid, epoch: number): bigint {
  if (assignment.start === null || epoch < assignment.start) return 0n;
  if (assignment.end !== null && epoch > assignment.end) return 0n;
  const rate = BigInt(assignment.price) * BigInt(assignment.units);
  if (epoch > assignment.start) return rate;
  return (rate * (SHARE_ONE - BigInt(assignment.skipped))) / SHARE_ONE;
}
