/** Say who may call a deal: a signed request that goes through the gateway to all its peers. */

import { useState } from "preact/hooks";

import { sha, toHex } from "../chain/bytes";
import { marketDomain, REQUEST } from "../chain/typed_data";
import { askGateway, Problem } from "../data/fetching";
import { contractAddress, getSettings } from "../data/settings";
import { pluralOf } from "../data/texts";
import { Action, TextInput } from "./action";
import { type ActionPlan, Impossible } from "./plans";
import { bodyBytes, randomHash, readChainTime, signTyped, useWallet } from "./provider";

interface AccessDocument {
  version: number;
  mode: string;
  signers: string[];
  key_hashes: string[];
}

const LIFE_SECONDS = 600;

function readSigners(text: string): string[] {
  const signers = text.split(/[\s,]+/).filter(Boolean);
  if (signers.some((entry) => !/^0x[0-9a-fA-F]{40}$/.test(entry))) throw new Impossible("signers are addresses, separated by spaces");
  return signers;
}

/** The header that shows who sent a request (docs/interfaces.md 8.2). */
export async function signRequest(account: string, method: string, target: string, body: string): Promise<string> {
  const { deployment } = getSettings();
  const expires = (await readChainTime()) + LIFE_SECONDS;
  const nonce = randomHash();
  const domain = marketDomain(deployment.chain_id, contractAddress("Market"));
  const message = { method, target, body: toHex(sha(bodyBytes(body))), expires: String(expires), nonce };
  const signature = await signTyped(domain, "Request", REQUEST, message);
  return `Wasmarket ${account}:${expires}:${nonce}:${signature}`;
}

export function AccessAction(props: { deal: number }) {
  const { account } = useWallet();
  const [mode, setMode] = useState("public");
  const [signers, setSigners] = useState("");
  const [document, setDocument] = useState<AccessDocument | null>(null);
  const target = `/v1/deals/${props.deal}/access`;
  if (getSettings().gateway === null || account === null) return null;

  async function plan(): Promise<ActionPlan> {
    const listed = mode === "signers" ? readSigners(signers) : [];
    if (mode === "signers" && listed.length === 0) throw new Impossible("name at least one signer");
    if (account === null) throw new Impossible("connect a wallet first");
    const authorization = await signRequest(account, "GET", target, "");
    const now = await askGateway<AccessDocument>(target, { headers: { Authorization: authorization } });
    setDocument({ version: now.version + 1, mode, signers: listed, key_hashes: [] });
    const after = mode === "public" ? "anybody" : `only ${pluralOf(listed.length, "signer")}`;
    return { changes: [], steps: [], notes: [`Now: ${now.mode}, version ${now.version}. After: ${after} may call, version ${now.version + 1}.`] };
  }

  async function perform(): Promise<string> {
    if (document === null || account === null) throw new Problem(0, "look at what it changes first");
    const body = JSON.stringify(document);
    const authorization = await signRequest(account, "PUT", target, body);
    const headers = { Authorization: authorization, "Content-Type": "application/json" };
    const told = await askGateway<{ peers: number[]; silent: number[] }>(target, { method: "PUT", headers, body });
    return `${pluralOf(told.peers.length, "peer")} took it, ${told.silent.length} did not answer; peers tell one another.`;
  }

  return (
    <Action name="Access" about="Says who may call the deal's functions. Your wallet signs twice: to ask who may now, and to change it." plan={plan} perform={perform}>
      <label class="field">
        Who may call
        <select value={mode} onChange={(event) => setMode(event.currentTarget.value)}>
          <option value="public">anybody</option>
          <option value="signers">only these accounts</option>
        </select>
      </label>
      {mode === "signers" && <TextInput label="Accounts" text={signers} onText={setSigners} note="addresses, separated by spaces" />}
    </Action>
  );
}
