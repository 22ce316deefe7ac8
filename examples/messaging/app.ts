// Tell a webhook what happened. The key is sealed to the peers (`wasmarket secret set`), so it stands
// neither here nor in the manifest.
import { post } from "wasmarket-guest/http";
import { info } from "wasmarket-guest/log";
import * as secret from "wasmarket-guest/secret";
import { decode } from "wasmarket-guest/text";
import type { Result, u32 } from "wasmarket-guest";

const HOOK = "https://hooks.example.org/notify";
const TRIES = 3;

interface Message { kind: string; text: string; order?: string }

/** Send a message; returns the status that the hook answered with. */
export function notify(message: Message): Result<u32> {
  if (message.text.trim() === "") throw new Error("a message without a text");
  const headers = {
    "Content-Type": "application/json",
    Authorization: `Bearer ${decode(secret.get("HOOK_KEY"))}`,
  };
  const body = JSON.stringify(message);
  let status = 0;
  for (let left = TRIES; left > 0 && (status === 0 || status >= 500); left -= 1) {
    status = post(HOOK, body, { headers, timeoutMs: 3000 }).status;
  }
  info(`${message.kind}: the hook answered ${status}`);
  if (status >= 300) throw new Error(`the hook answered ${status}`);
  return status;
}
