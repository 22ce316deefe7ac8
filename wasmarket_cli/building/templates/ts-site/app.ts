// A site: every request goes to `answer`.
import type { SiteRequest, SiteResponse } from "wasmarket-guest";
import * as kv from "wasmarket-guest/kv";

const escape = (text: string) => text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);

export function answer(request: SiteRequest): SiteResponse {
  if (request.path !== "/") return { status: 404, body: "<h1>There is no such page</h1>" };
  const visits = kv.add("visits", 1);
  const name = escape(request.headers["x-name"] ?? "visitor");
  return { body: `<h1>Hello, ${name}!</h1><p>You are visitor ${visits}.</p>` };
}
