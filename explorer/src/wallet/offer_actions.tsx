/** Post an offer: signed by the wallet, without gas; what it may cost is shown before. */

import { useState } from "preact/hooks";

import { DEVELOPER_OFFER, type Field, hashOffer, marketDomain, PROVIDER_OFFER } from "../chain/typed_data";
import { formatUsdc } from "../data/amounts";
import { askMatcher, Problem } from "../data/fetching";
import { contractAddress, getSettings } from "../data/settings";
import { digestOf, formatSpan, formatTime, regionCode, shorten, ZERO_ADDRESS } from "../data/texts";
import type { Offer, Peer, ServiceStatus, Terms } from "../data/views";
import { Action, AmountInput, TextInput } from "./action";
import { readUsdc, readWhole } from "./inputs";
import { type ActionPlan, Impossible, planSpending, readCounter } from "./plans";
import { randomHash, readChainTime, signTyped } from "./provider";

const DAY = 86_400;
const MAX_UNITS = 65_535;

async function postOffer(path: string, type: string, fields: Field[], offer: Terms): Promise<string> {
  const domain = marketDomain(getSettings().deployment.chain_id, contractAddress("Market"));
  const signature = await signTyped(domain, type, fields, offer);
  const body = JSON.stringify({ offer, signature });
  const posted = await askMatcher<Offer>(path, { method: "POST", headers: { "Content-Type": "application/json" }, body });
  if (posted.hash !== hashOffer(offer)) throw new Problem(0, "the matcher names the offer differently than this page");
  return `Offer ${shorten(posted.hash)} is ${posted.status}.`;
}

async function begin(account: string, days: string): Promise<{ counter: string; valid_until: string; salt: string }> {
  const [counter, now] = await Promise.all([readCounter(account), readChainTime()]);
  const until = now + readWhole(days, "the time it holds", 1, 3650) * DAY;
  return { counter: counter.toString(), valid_until: String(until), salt: BigInt(randomHash()).toString() };
}

export function ProviderOfferAction(props: { account: string; peers: Peer[] }) {
  const [peer, setPeer] = useState(props.peers[0]?.id ?? 0);
  const [price, setPrice] = useState("0.01");
  const [days, setDays] = useState("30");
  const [offer, setOffer] = useState<Terms | null>(null);

  async function plan(): Promise<ActionPlan> {
    const amount = readUsdc(price);
    const rest = await begin(props.account, days);
    setOffer({ peer: String(peer), kind: "0", price: amount.toString(), developer: ZERO_ADDRESS, ...rest });
    const chosen = props.peers.find((entry) => entry.id === peer);
    const all = amount * BigInt(chosen?.units ?? 0);
    return {
      changes: [{ what: "Earns an epoch when all units are sold", kind: "usdc", before: 0n, after: all }],
      steps: [],
      notes: [`It holds until ${formatTime(Number(rest.valid_until))}, or until you cancel it. Signing it costs no gas.`],
    };
  }

  async function perform(): Promise<string> {
    if (offer === null) throw new Problem(0, "look at what it changes first");
    return postOffer("/v1/provider-offers", "ProviderOffer", PROVIDER_OFFER, offer);
  }

  return (
    <Action name="Offer units" about="Sells units of a peer at a price, to whoever wants them." plan={plan} perform={perform}>
      <label class="field">
        Peer
        <select value={peer} onChange={(event) => setPeer(Number(event.currentTarget.value))}>
          {props.peers.map((entry) => (
            <option key={entry.id} value={entry.id}>
              peer {entry.id}, {regionCode(entry.region)}, {entry.units} units
            </option>
          ))}
        </select>
      </label>
      <AmountInput label="Price a unit and epoch (USDC)" text={price} onText={setPrice} />
      <TextInput label="Holds for (days)" text={days} onText={setDays} mode="numeric" />
    </Action>
  );
}

export function DeveloperOfferAction(props: { account: string }) {
  const [app, setApp] = useState("");
  const [units, setUnits] = useState("1");
  const [price, setPrice] = useState("0.02");
  const [deposit, setDeposit] = useState("1");
  const [days, setDays] = useState("7");
  const [offer, setOffer] = useState<Terms | null>(null);

  async function plan(): Promise<ActionPlan> {
    const digest = digestOf(app.trim());
    if (digest === null) throw new Impossible("give the CID of the app's manifest, as `wasmarket deploy` prints it");
    const count = readWhole(units, "the number of units", 1, MAX_UNITS);
    const most = readUsdc(price);
    const money = readUsdc(deposit);
    const [rest, spending, status] = await Promise.all([
      begin(props.account, days),
      planSpending(props.account, money),
      askMatcher<ServiceStatus>("/v1/status"),
    ]);
    const matcher = typeof status.extra.account === "string" ? status.extra.account : ZERO_ADDRESS;
    setOffer({
      developer: props.account,
      app: digest,
      min_units: "1",
      units: String(count),
      max_units_per_provider: "0",
      min_regions: "0",
      meter: ZERO_ADDRESS,
      max_price: most.toString(),
      epochs: "0",
      deposit: money.toString(),
      min_memory_mib: "0",
      regions: "0",
      traits: "0",
      providers: [],
      providers_mode: "0",
      matcher,
      tip: "0",
      ...rest,
    });
    const rate = most * BigInt(count);
    const epochs = rate > 0n ? money / rate : 0n;
    return {
      changes: [...spending.changes, { what: "Balance of the new deal", kind: "usdc", before: 0n, after: money }],
      steps: spending.steps,
      notes: [
        `At most ${formatUsdc(rate)} USDC an epoch (${formatSpan(getSettings().epochSeconds)}): the deposit then pays for at least ${epochs} epochs.`,
        `Only matcher ${shorten(matcher)} may fill it. The money moves when it is matched, not before.`,
      ],
    };
  }

  async function perform(): Promise<string> {
    if (offer === null) throw new Problem(0, "look at what it changes first");
    return postOffer("/v1/developer-offers", "DeveloperOffer", DEVELOPER_OFFER, offer);
  }

  return (
    <Action name="Ask for units" about="Offers to rent units for an app that is published." plan={plan} perform={perform}>
      <TextInput label="App (CID)" text={app} onText={setApp} />
      <TextInput label="Units" text={units} onText={setUnits} mode="numeric" />
      <AmountInput label="Most a unit and epoch may cost (USDC)" text={price} onText={setPrice} />
      <AmountInput label="Deposit (USDC)" text={deposit} onText={setDeposit} />
      <TextInput label="Holds for (days)" text={days} onText={setDays} mode="numeric" />
    </Action>
  );
}
