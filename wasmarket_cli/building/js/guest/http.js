import { send as sendRequest } from "wasmarket:guest/http@1.0.0";
import { decode, encode } from "./text.js";

export function send(method, url, { headers = {}, body = "", timeoutMs = 0, redirects = 0 } = {}) {
  const answer = sendRequest({
    method,
    url,
    headers: Object.entries(headers).map(([name, value]) => ({ name, value })),
    body: typeof body === "string" ? encode(body) : body,
    timeoutMs,
    redirects,
  });
  return {
    status: answer.status,
    url: answer.url,
    headers: Object.fromEntries(answer.headers.map(({ name, value }) => [name, value])),
    body: answer.body,
    text: () => decode(answer.body),
    json: () => JSON.parse(decode(answer.body)),
  };
}

export const get = (url, options) => send("GET", url, { redirects: 5, ...options });
export const post = (url, body, options) => send("POST", url, { ...options, body });
