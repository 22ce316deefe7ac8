/** What a provider can do with its stake and its peers. */

import { useState } from "preact/hooks";

import type { Peer } from "../data/views";
import { Action, AmountInput, TextInput } from "./action";
import { readAddress, readEndpoint, readFlt, readKey, readRegion, readTraits, readWhole } from "./inputs";
import { planRegister, planStake, planUnits, planUnstake, planWithdrawStake } from "./stake_plans";

const MAX_UNITS = 65_535;
const MAX_MEMORY = 2 ** 32 - 1;

export function StakeActions(props: { account: string; peers: Peer[] }) {
  const [amount, setAmount] = useState("100");
  const { account } = props;
  return (
    <>
      <Action
        name="Stake"
        about="Moves FLT from your wallet into your stake, of which peers are bonded."
        plan={async () => planStake(account, readFlt(amount))}
      >
        <AmountInput label="Amount (FLT)" text={amount} onText={setAmount} />
      </Action>
      <Action
        name="Unstake"
        about="Has free stake leave; it can be withdrawn after a delay."
        plan={async () => planUnstake(account, readFlt(amount))}
      >
        <AmountInput label="Amount (FLT)" text={amount} onText={setAmount} />
      </Action>
      <Action
        name="Withdraw stake"
        about="Moves into your wallet what has left, once its delay is over."
        plan={() => planWithdrawStake(account)}
      />
      <RegisterAction account={account} />
      {props.peers.length > 0 && <UnitsAction account={account} peers={props.peers} />}
    </>
  );
}

function RegisterAction(props: { account: string }) {
  const [key, setKey] = useState("");
  const [wallet, setWallet] = useState("");
  const [units, setUnits] = useState("1");
  const [memory, setMemory] = useState("2048");
  const [region, setRegion] = useState("");
  const [traits, setTraits] = useState("");
  const [endpoint, setEndpoint] = useState("https://");
  return (
    <Action
      name="Register a peer"
      about="Puts a machine of yours on the market, with its bond."
      plan={async () =>
        planRegister(props.account, {
          key: readKey(key),
          wallet: readAddress(wallet, "the wallet"),
          units: readWhole(units, "the number of units", 1, MAX_UNITS),
          memory: readWhole(memory, "the memory", 1, MAX_MEMORY),
          region: readRegion(region),
          traits: readTraits(traits),
          endpoint: readEndpoint(endpoint),
        })
      }
    >
      <TextInput label="Key of the peer" text={key} onText={setKey} note="Both are of `wasmarket peer init NAME`, on its machine" />
      <TextInput label="Wallet of the peer" text={wallet} onText={setWallet} />
      <TextInput label="Units (CPU cores)" text={units} onText={setUnits} mode="numeric" />
      <TextInput label="Memory a unit (MiB)" text={memory} onText={setMemory} mode="numeric" />
      <TextInput label="Country it stands in" text={region} onText={setRegion} note="Two letters, such as DE" />
      <TextInput label="Traits" text={traits} onText={setTraits} note="Names with commas, such as http, kv; none: leave it empty" />
      <TextInput label="Endpoint" text={endpoint} onText={setEndpoint} note="URL under which everybody reaches it" />
    </Action>
  );
}

function UnitsAction(props: { account: string; peers: Peer[] }) {
  const [peer, setPeer] = useState(props.peers[0]?.id ?? 0);
  const [units, setUnits] = useState("1");
  return (
    <Action
      name="Change units"
      about="Has a peer sell more or fewer units; their bond goes with them."
      plan={async () => planUnits(props.account, peer, readWhole(units, "the number of units", 0, MAX_UNITS))}
    >
      <label class="field">
        Peer
        <select value={peer} onChange={(event) => setPeer(Number(event.currentTarget.value))}>
          {props.peers.map((entry) => (
            <option key={entry.id} value={entry.id}>
              peer {entry.id}, {entry.units} units, {entry.used} in use
            </option>
          ))}
        </select>
      </label>
      <TextInput label="Units" text={units} onText={setUnits} mode="numeric" />
    </Action>
  );
}
