// Requests and answers of a site, as the message that a gateway sends and takes.
import { decode, encode } from "./text.js";

const latin = (bytes) => Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");

function findEnd(message) {
  for (let at = 0; at + 3 < message.length; at += 1) {
    if (message[at] === 13 && message[at + 1] === 10 && message[at + 2] === 13 && message[at + 3] === 10) return at;
  }
  return message.length;
}

export function parseRequest(message) {
  const end = findEnd(message);
  const [first, ...lines] = latin(message.slice(0, end)).split("\r\n");
  const [method = "", target = ""] = first.split(" ");
  const mark = target.indexOf("?");
  const body = message.slice(Math.min(end + 4, message.length));
  return {
    method,
    path: mark < 0 ? target : target.slice(0, mark),
    query: mark < 0 ? "" : target.slice(mark + 1),
    headers: Object.fromEntries(
      lines.filter(Boolean).map((line) => {
        const colon = line.indexOf(":");
        return [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()];
      }),
    ),
    body,
    text: () => decode(body),
    json: () => JSON.parse(decode(body)),
  };
}

export function writeResponse({ status = 200, headers = {}, body = "" }) {
  const named = Object.fromEntries(Object.entries(headers).map(([n, v]) => [n.toLowerCase(), v]));
  if (typeof body === "string") named["content-type"] ??= "text/html; charset=utf-8";
  const lines = [`HTTP/1.1 ${status} `, ...Object.entries(named).map(([n, v]) => `${n}: ${v}`)];
  if (lines.some((line) => /[\r\n]/.test(line))) throw new Error("a header has more than one line");
  const head = encode(`${lines.join("\r\n")}\r\n\r\n`);
  const data = typeof body === "string" ? encode(body) : body;
  const message = new Uint8Array(head.length + data.length);
  message.set(head);
  message.set(data, head.length);
  return message;
}
