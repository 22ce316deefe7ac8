/** One signed action: what to give, what it changes (before and after), then the wallet. */

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import { formatFlt, formatUsdc } from "../data/amounts";
import { capitalize } from "../data/texts";
import { type ActionPlan, type Change, Impossible } from "./plans";
import { sendTransaction, WalletProblem } from "./provider";

interface ActionProps {
  name: string;
  /** What it is, in a sentence. */
  about: string;
  /** Inputs, inside the form. */
  children?: ComponentChildren;
  /** Work out what it does with what was given. Throws Impossible. */
  plan(): Promise<ActionPlan>;
  /** Instead of transactions: sign and post. Returns what to say of it. */
  perform?(): Promise<string>;
  isDangerous?: boolean;
  /** False: no button any more; a dialog that is open stays, so that what came of it is read. */
  isOffered?: boolean;
}

export function formatChange(kind: Change["kind"], amount: bigint): string {
  if (kind === "usdc") return `${formatUsdc(amount)} USDC`;
  return kind === "flt" ? `${formatFlt(amount)} FLT` : amount.toString();
}

function Changes(props: { changes: Change[] }) {
  if (props.changes.length === 0) return null;
  return (
    <table class="changes">
      <caption class="hidden">What it changes</caption>
      <thead>
        <tr>
          <th scope="col">What</th>
          <th scope="col" class="number">
            Before
          </th>
          <th scope="col" class="number">
            After
          </th>
        </tr>
      </thead>
      <tbody>
        {props.changes.map((entry) => (
          <tr key={entry.what}>
            <th scope="row">{entry.what}</th>
            <td class="number">{formatChange(entry.kind, entry.before)}</td>
            <td class="number">
              <b>{formatChange(entry.kind, entry.after)}</b>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function explain(error: unknown): string {
  if (error instanceof Impossible || error instanceof WalletProblem) return capitalize(error.message);
  return error instanceof Error ? capitalize(error.message) : String(error);
}

/** A button that opens the action's dialog. */
export function Action(props: ActionProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [isOpen, setOpen] = useState(false);
  const [plan, setPlan] = useState<ActionPlan | null>(null);
  const [said, setSaid] = useState<string | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  useEffect(() => {
    if (isOpen && dialog.current !== null && !dialog.current.open) dialog.current.showModal();
  }, [isOpen]);

  function open() {
    setPlan(null);
    setSaid(null);
    setProblem(null);
    setOpen(true);
  }

  async function work(act: () => Promise<void>) {
    setBusy(true);
    setProblem(null);
    try {
      await act();
    } catch (error) {
      setProblem(explain(error));
    } finally {
      setBusy(false);
    }
  }

  const look = () =>
    work(async () => {
      setSaid(null);
      setPlan(await props.plan());
    });

  const sign = (chosen: ActionPlan) =>
    work(async () => {
      for (const [index, step] of chosen.steps.entries()) {
        setSaid(`${index + 1} of ${chosen.steps.length}: ${step.what}. Your wallet asks you now …`);
        await sendTransaction(step.to, step.data);
      }
      const done = (await props.perform?.()) ?? `${props.name}: done. It is on chain and will be on this page at once.`;
      setPlan(null);
      setSaid(done);
    });

  if (props.isOffered === false && !isOpen) return null;
  return (
    <>
      <button type="button" class={props.isDangerous ? "action danger" : "action"} onClick={open}>
        {props.name}
      </button>
      {isOpen && (
        <dialog ref={dialog} onClose={() => setOpen(false)} aria-label={props.name}>
          <form
            onSubmit={(event) => {
              event.preventDefault();
              void (plan === null ? look() : sign(plan));
            }}
          >
            <h2>{props.name}</h2>
            <p>{props.about}</p>
            <fieldset class="inputs" disabled={isBusy} onInput={() => setPlan(null)}>
              {props.children}
            </fieldset>
            {plan !== null && (
              <div class="plan">
                <Changes changes={plan.changes} />
                {plan.notes.map((note) => (
                  <p class="note" key={note}>
                    {note}
                  </p>
                ))}
                {plan.steps.length > 1 && (
                  <ol class="steps">
                    {plan.steps.map((step) => (
                      <li key={step.what}>{step.what}</li>
                    ))}
                  </ol>
                )}
              </div>
            )}
            <p role="status" class="said">
              {said}
            </p>
            {problem !== null && (
              <p class="problem" role="alert">
                {problem}.
              </p>
            )}
            <div class="dialog-foot">
              <button type="button" onClick={() => dialog.current?.close()}>
                Close
              </button>
              <button type="submit" class="primary" disabled={isBusy}>
                {plan === null ? "Show what it changes" : "Sign in the wallet"}
              </button>
            </div>
          </form>
        </dialog>
      )}
    </>
  );
}

/** An input for an amount of USDC. */
export function AmountInput(props: { label: string; text: string; onText(text: string): void; note?: string }) {
  return (
    <label class="field">
      {props.label}
      <input
        inputMode="decimal"
        autocomplete="off"
        required
        value={props.text}
        onInput={(event) => props.onText(event.currentTarget.value)}
      />
      {props.note !== undefined && <span class="note">{props.note}</span>}
    </label>
  );
}

export function TextInput(props: { label: string; text: string; onText(text: string): void; note?: string; mode?: "numeric" }) {
  return (
    <label class="field">
      {props.label}
      <input
        autocomplete="off"
        spellcheck={false}
        value={props.text}
        inputMode={props.mode}
        onInput={(event) => props.onText(event.currentTarget.value)}
      />
      {props.note !== undefined && <span class="note">{props.note}</span>}
    </label>
  );
}
