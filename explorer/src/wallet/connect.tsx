/** The button that connects a wallet, and the choice where there are several. */

import { useRef, useState } from "preact/hooks";

import { capitalize, shorten } from "../data/texts";
import { Link } from "../parts/basics";
import { connect, disconnect, type FoundWallet, useWallet } from "./provider";

export function WalletButton() {
  const { found, account } = useWallet();
  const dialog = useRef<HTMLDialogElement>(null);
  const [problem, setProblem] = useState<string | null>(null);

  async function choose(wallet: FoundWallet) {
    setProblem(null);
    try {
      await connect(wallet);
      dialog.current?.close();
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
  }

  if (account !== null) {
    return (
      <span class="wallet">
        <Link to={`/accounts/${account}`} class="pill" label={`Your account ${account}`}>
          {shorten(account, 4)}
        </Link>
        <button type="button" onClick={disconnect} class="quiet">
          Disconnect
        </button>
      </span>
    );
  }
  return (
    <>
      <button type="button" class="primary" onClick={() => dialog.current?.showModal()}>
        Connect wallet
      </button>
      <dialog ref={dialog} aria-label="Connect a wallet">
        <h2>Connect a wallet</h2>
        <p>Reading needs none. A wallet signs what you do; this page never sees its keys.</p>
        {found.length === 0 ? (
          <p class="empty">No wallet was found in this browser.</p>
        ) : (
          <ul class="wallets">
            {found.map((wallet) => (
              <li key={wallet.id}>
                <button type="button" onClick={() => choose(wallet)}>
                  {wallet.name}
                </button>
              </li>
            ))}
          </ul>
        )}
        {problem !== null && (
          <p class="problem" role="alert">
            {capitalize(problem)}.
          </p>
        )}
        <div class="dialog-foot">
          <button type="button" onClick={() => dialog.current?.close()}>
            Close
          </button>
        </div>
      </dialog>
    </>
  );
}
