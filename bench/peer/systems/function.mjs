// For Google's functions-framework: POST a body, get its SHA-256.
import { readFileSync } from "node:fs";
import { http } from "@google-cloud/functions-framework";
import { openDigest } from "./guest.mjs";

const wasm = readFileSync(new URL("../guest/guest.wasm", import.meta.url));
const digest = openDigest(new WebAssembly.Module(wasm));

http("digest", (request, response) => {
  response.type("application/octet-stream").send(Buffer.from(digest(request.rawBody)));
});
