/** Ask the matcher or the gateway; what they refuse becomes a Problem that says what to do. */

import { getSettings } from "./settings";

export class Problem extends Error {
  constructor(
    readonly status: number,
    detail: string,
    readonly remedy: string | null = null,
  ) {
    super(detail);
  }

  get isMissing(): boolean {
    return this.status === 404;
  }
}

const SECONDS = 15;

async function request(base: string, path: string, init: RequestInit): Promise<Response> {
  const patience = AbortSignal.timeout(SECONDS * 1000);
  let answer: Response;
  try {
    answer = await fetch(base + path, { signal: patience, credentials: "omit", ...init });
  } catch {
    const who = base || location.origin;
    throw new Problem(0, `${who} does not answer`, "it is asked again by itself");
  }
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => ({}));
  const detail = typeof said.detail === "string" ? said.detail : `it answered ${answer.status}`;
  throw new Problem(answer.status, detail, typeof said.remedy === "string" ? said.remedy : null);
}

export async function askMatcher<T>(path: string, init: RequestInit = {}): Promise<T> {
  return (await request(getSettings().matcher, path, init)).json();
}

export async function askMatcherBytes(path: string, most: number): Promise<Uint8Array> {
  const answer = await request(getSettings().matcher, path, {});
  const size = Number(answer.headers.get("Content-Length") ?? 0);
  if (size > most) {
    await answer.body?.cancel();
    throw new Problem(0, `it has ${size} bytes, more than a page should load`);
  }
  return new Uint8Array(await answer.arrayBuffer());
}

export async function askGateway<T>(path: string, init: RequestInit = {}): Promise<T> {
  const { gateway } = getSettings();
  if (gateway === null) throw new Problem(0, "this service names no gateway");
  return (await request(gateway, path, init)).json();
}

export async function askGatewayText(path: string, init: RequestInit): Promise<string> {
  return (await request(getSettings().gateway ?? "", path, init)).text();
}

/** All items of a list, page by page, at most `most`. */
export async function askAll<T>(path: string, most = 5000): Promise<T[]> {
  const found: T[] = [];
  const joint = path.includes("?") ? "&" : "?";
  let cursor: string | null = null;
  do {
    const more: string = cursor ? `&cursor=${cursor}` : "";
    const page: { items: T[]; next: string | null } = await askMatcher(`${path}${joint}limit=1000${more}`);
    found.push(...page.items);
    cursor = page.next;
  } while (cursor !== null && found.length < most);
  return found;
}
