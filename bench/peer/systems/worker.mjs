// For workerd: POST a body, get its SHA-256.
import { openDigest } from "guest.mjs";
import module from "guest.wasm";

const digest = openDigest(module);

export default {
  async fetch(request) {
    const body = new Uint8Array(await request.arrayBuffer());
    return new Response(digest(body), { headers: { "content-type": "application/octet-stream" } });
  },
};
