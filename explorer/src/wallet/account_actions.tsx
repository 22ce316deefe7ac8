/** What an account can do with its own money and offers. */

import { useState } from "preact/hooks";

import type { Assignment, Peer } from "../data/views";
import { Action, AmountInput } from "./action";
import { readUsdc } from "./inputs";
import { DeveloperOfferAction, ProviderOfferAction } from "./offer_actions";
import { planCancel, planClaim, planDeposit, planWithdraw } from "./plans";
import { StakeActions } from "./stake_actions";

export function AccountActions(props: { account: string; peers: Peer[]; earning: Assignment[] }) {
  const [amount, setAmount] = useState("1");
  const { account } = props;
  return (
    <div class="actions">
      <Action
        name="Deposit"
        about="Moves USDC from your wallet into your free balance at the market."
        plan={async () => planDeposit(account, readUsdc(amount))}
      >
        <AmountInput label="Amount (USDC)" text={amount} onText={setAmount} />
      </Action>
      <Action
        name="Withdraw"
        about="Moves USDC from your free balance into your wallet."
        plan={async () => planWithdraw(account, readUsdc(amount))}
      >
        <AmountInput label="Amount (USDC)" text={amount} onText={setAmount} />
      </Action>
      <Action
        isOffered={props.earning.length > 0}
        name="Claim"
        about="Pays you for the final epochs that your peers proved."
        plan={() => planClaim(account, props.earning.map((entry) => entry.id), true)}
      />
      {props.peers.length > 0 && <ProviderOfferAction account={account} peers={props.peers} />}
      <DeveloperOfferAction account={account} />
      <StakeActions account={account} peers={props.peers} />
    </div>
  );
}

export function CancelAction(props: { hash: string }) {
  return <Action name="Cancel" about="Makes an offer void, on chain." isDangerous plan={() => planCancel(props.hash)} />;
}
