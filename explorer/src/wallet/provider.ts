/** The visitor's wallet (EIP-1193, found by EIP-6963): asked only when the visitor says so. */

import { useEffect, useState } from "preact/hooks";

import { toHex, utf8ToBytes } from "../chain/bytes";
import { DOMAIN, type Domain, type Field } from "../chain/typed_data";
import { getSettings } from "../data/settings";
import { decodeReason } from "./calls";

export interface Provider {
  request(question: { method: string; params?: unknown[] | object }): Promise<unknown>;
  on?(event: string, listener: (value: unknown) => void): void;
}

export interface FoundWallet {
  id: string;
  name: string;
  provider: Provider;
}

export interface WalletState {
  found: FoundWallet[];
  provider: Provider | null;
  account: string | null;
  chainId: number | null;
}

/** What a wallet or the chain refused, in words. */
export class WalletProblem extends Error {}

const RECEIPT_PAUSE = 300;
const RECEIPT_SECONDS = 180;

let state: WalletState = { found: [], provider: null, account: null, chainId: null };
const watchers = new Set<() => void>();

function change(part: Partial<WalletState>) {
  state = { ...state, ...part };
  for (const watcher of watchers) watcher();
}

export function useWallet(): WalletState {
  const [, redraw] = useState(0);
  useEffect(() => {
    const watcher = () => redraw((n) => n + 1);
    watchers.add(watcher);
    return () => void watchers.delete(watcher);
  }, []);
  return state;
}

/** Listen for wallets that announce themselves, and take the one that is just there as the last. */
export function findWallets() {
  addEventListener("eip6963:announceProvider", (event) => {
    const { info, provider } = (event as CustomEvent).detail ?? {};
    if (typeof info?.uuid !== "string" || typeof provider?.request !== "function") return;
    if (state.found.some((wallet) => wallet.id === info.uuid)) return;
    const name = typeof info.name === "string" ? info.name.slice(0, 60) : "a wallet";
    change({ found: [...state.found, { id: info.uuid, name, provider }] });
  });
  dispatchEvent(new Event("eip6963:requestProvider"));
  setTimeout(() => {
    const { ethereum } = window as { ethereum?: Provider };
    if (state.found.length === 0 && ethereum !== undefined) {
      change({ found: [{ id: "ethereum", name: "Wallet of this browser", provider: ethereum }] });
    }
  }, 300);
}

async function ask<T>(provider: Provider, method: string, params: unknown[] = []): Promise<T> {
  try {
    return (await provider.request({ method, params })) as T;
  } catch (error) {
    throw new WalletProblem(describeRefusal(error));
  }
}

function describeRefusal(error: unknown): string {
  const said = error as { code?: number; message?: string; data?: unknown };
  if (said?.code === 4001) return "you refused it in the wallet";
  const reason = decodeReason(typeof said?.data === "object" ? (said.data as { data?: unknown })?.data : said?.data);
  return reason ?? String(said?.message ?? error).slice(0, 300);
}

export async function connect(wallet: FoundWallet) {
  const { provider } = wallet;
  const accounts = await ask<string[]>(provider, "eth_requestAccounts");
  const wanted = getSettings().deployment.chain_id;
  let chainId = Number(await ask<string>(provider, "eth_chainId"));
  if (chainId !== wanted) {
    await ask(provider, "wallet_switchEthereumChain", [{ chainId: `0x${wanted.toString(16)}` }]);
    chainId = Number(await ask<string>(provider, "eth_chainId"));
  }
  provider.on?.("accountsChanged", (list) => change({ account: (list as string[])[0] ?? null }));
  provider.on?.("chainChanged", (id) => change({ chainId: Number(id) }));
  change({ provider, account: accounts[0] ?? null, chainId });
}

export function disconnect() {
  change({ provider: null, account: null, chainId: null });
}

function connected(): { provider: Provider; account: string } {
  if (state.provider === null || state.account === null) throw new WalletProblem("connect a wallet first");
  const wanted = getSettings().deployment.chain_id;
  if (state.chainId !== wanted) throw new WalletProblem(`the wallet is on chain ${state.chainId}, not ${wanted}`);
  return { provider: state.provider, account: state.account };
}

/** Ask a view of a contract. */
export async function callView(to: string, data: string): Promise<string> {
  const { provider, account } = connected();
  return ask<string>(provider, "eth_call", [{ from: account, to, data }, "latest"]);
}

/** Seconds of the newest block: the market's clock. */
export async function readChainTime(): Promise<number> {
  const block = await ask<{ timestamp: string }>(connected().provider, "eth_getBlockByNumber", ["latest", false]);
  return Number(block.timestamp);
}

/**
 * Try a transaction, have it signed and sent, and wait until it is in a block. Throws if it failed.
 *
 * It may use half as much gas again as it needs now: an epoch that begins meanwhile has to be billed.
 */
export async function sendTransaction(to: string, data: string): Promise<string> {
  const { provider, account } = connected();
  await ask(provider, "eth_call", [{ from: account, to, data }, "latest"]);
  const needed = BigInt(await ask<string>(provider, "eth_estimateGas", [{ from: account, to, data }]));
  const gas = `0x${(needed + needed / 2n).toString(16)}`;
  const hash = await ask<string>(provider, "eth_sendTransaction", [{ from: account, to, data, gas }]);
  for (let waited = 0; waited < RECEIPT_SECONDS * 1000; waited += RECEIPT_PAUSE) {
    const receipt = await ask<{ status: string } | null>(provider, "eth_getTransactionReceipt", [hash]);
    if (receipt !== null) {
      if (receipt.status !== "0x1") throw new WalletProblem(`the transaction ${hash} failed`);
      return hash;
    }
    await new Promise((resolve) => setTimeout(resolve, RECEIPT_PAUSE));
  }
  throw new WalletProblem(`the transaction ${hash} is not in a block yet; look for it in your wallet`);
}

/** Have a struct signed (EIP-712); whole numbers as decimal text. */
export async function signTyped(domain: Domain, type: string, fields: Field[], message: object): Promise<string> {
  const { provider, account } = connected();
  const data = { domain, primaryType: type, types: { EIP712Domain: DOMAIN, [type]: fields }, message };
  return ask<string>(provider, "eth_signTypedData_v4", [account, JSON.stringify(data)]);
}

export function randomHash(): string {
  return toHex(crypto.getRandomValues(new Uint8Array(32)));
}

export function bodyBytes(text: string): Uint8Array {
  return utf8ToBytes(text);
}
