/** What this page checked by itself: right, wrong, or not to be known here. */

import type { Finding } from "../chain/receipts";
import { State } from "./basics";

export function Findings(props: { findings: Finding[] }) {
  const isWrong = props.findings.some((entry) => entry.ok === false);
  return (
    <div role="status" class="findings">
      <p>
        <State name={isWrong ? "wrong" : "verified"} />{" "}
        {isWrong ? "Something here does not agree." : "Everything that can be checked in a browser agrees."}
      </p>
      <ul>
        {props.findings.map((entry) => (
          <li key={entry.what} class={entry.ok === null ? "unknown" : entry.ok ? "right" : "wrong"}>
            <span class="mark" aria-hidden="true">
              {entry.ok === null ? "–" : entry.ok ? "✓" : "✗"}
            </span>
            <span>
              <b>{entry.what}</b>: {entry.detail}
              {entry.ok === false && <b> (wrong)</b>}
              {entry.ok === null && " (not checked)"}
            </span>
          </li>
        ))}
      </ul>
    </div>
  );
}
