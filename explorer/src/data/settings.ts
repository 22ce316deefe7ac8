/** Where the page's facts come from: told by the service that handed it out. */

export interface Deployment {
  chain_id: number;
  name: string;
  block: number;
  contracts: Record<string, { address: string; code_hash: string }>;
  tokens: { usdc: { address: string; decimals: number }; flt: { address: string; decimals: number } };
  parameters: Record<string, number | string>;
}

export interface Settings {
  service: string;
  /** URL of the matcher; empty: the service itself. */
  matcher: string;
  /** URL of the gateway; null: none is known. */
  gateway: string | null;
  /** URL of a payment gateway, whose page sells USDC by card; null: none is known. */
  payments: string | null;
  deployment: Deployment;
  epochSeconds: number;
}

let settings: Settings | null = null;

export async function loadSettings(): Promise<Settings> {
  const answer = await fetch("/explorer/config.json");
  if (!answer.ok) throw new Error(`the explorer's settings answered ${answer.status}`);
  const found = await answer.json();
  const deployment: Deployment = found.deployment;
  settings = {
    service: found.service,
    matcher: found.matcher,
    gateway: found.service === "gateway" ? "" : found.gateway || null,
    payments: found.payments || null,
    deployment,
    epochSeconds: Number(deployment.parameters.epoch_seconds),
  };
  return settings;
}

export function getSettings(): Settings {
  if (settings === null) throw new Error("the settings are not loaded yet");
  return settings;
}

export function contractAddress(name: string): string {
  const entry = getSettings().deployment.contracts[name];
  if (entry === undefined) throw new Error(`the deployment has no contract ${name}`);
  return entry.address;
}
