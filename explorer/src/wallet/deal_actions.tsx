/** What can be done with a deal: by anybody, and by its developer. */

import { useState } from "preact/hooks";

import { isSame } from "../chain/bytes";
import { ZERO_ADDRESS } from "../data/texts";
import type { Assignment, Deal } from "../data/views";
import { AccessAction } from "./access_action";
import { Action, AmountInput } from "./action";
import { readUsdc } from "./inputs";
import { Impossible, planClaim, planDrop, planStop, planTake, planTopUp } from "./plans";
import { useWallet } from "./provider";

export function DealActions(props: { deal: Deal; assignments: Assignment[] }) {
  const { account } = useWallet();
  const [amount, setAmount] = useState("1");
  const [dropped, setDropped] = useState<number[]>([]);
  const { deal, assignments } = props;
  if (account === null) {
    return <p class="note">Connect a wallet to top it up, claim, take, drop or stop.</p>;
  }
  const isOver = deal.stopped || deal.status === "ended";
  const isMetered = deal.meter !== ZERO_ADDRESS;
  const isDeveloper = isSame(account, deal.developer);
  const alive = assignments.filter((entry) => entry.alive);
  const claimed = assignments.filter((entry) => entry.state === "active" || entry.state === "ended").map((entry) => entry.id);
  const toggle = (id: number) =>
    setDropped((before) => (before.includes(id) ? before.filter((entry) => entry !== id) : [...before, id]));
  return (
    <div class="actions">
      <Action
        isOffered={!isOver}
        name="Top up"
        about="Puts USDC into the deal: of your free balance first, the rest from your wallet."
        plan={async () => planTopUp(account, deal.id, readUsdc(amount))}
      >
        <AmountInput label="Amount (USDC)" text={amount} onText={setAmount} />
      </Action>
      <Action
        isOffered={!isMetered}
        name="Claim"
        about="Pays providers for the final epochs they proved, and gives the developer back the others. Anybody may."
        plan={() => planClaim(account, claimed, false)}
      />
      <Action
        isOffered={isDeveloper && !isMetered}
        name="Take"
        about="Takes USDC out of the deal into your free balance."
        plan={async () => planTake(account, deal.id, readUsdc(amount))}
      >
        <AmountInput label="Amount (USDC)" text={amount} onText={setAmount} />
      </Action>
      <Action
        isOffered={isDeveloper && !isOver && alive.length > 0}
        name="Drop"
        about="Ends single assignments."
        plan={async () => {
          const chosen = alive.filter((entry) => dropped.includes(entry.id));
          if (chosen.length === 0) throw new Impossible("choose at least one assignment");
          return planDrop(deal.id, chosen);
        }}
      >
        {alive.map((entry) => (
          <label class="check" key={entry.id}>
            <input type="checkbox" checked={dropped.includes(entry.id)} onChange={() => toggle(entry.id)} />
            assignment {entry.id}: {entry.units} units of peer {entry.peer}
          </label>
        ))}
      </Action>
      {isDeveloper && !isOver && <AccessAction deal={deal.id} />}
      <Action
        isOffered={isDeveloper && !isOver}
        name="Stop"
        about="Ends the deal for good and gives the rest of its money back to you."
        isDangerous
        plan={() => planStop(account, deal.id, isMetered)}
      />
    </div>
  );
}
