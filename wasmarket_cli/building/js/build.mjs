// Bundle an entry and make a component of it:
// `node build.mjs NODE_MODULES ENTRY WIT OUTPUT STUB`; STUB is 0 or 1.
import { createRequire } from "node:module";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const [folder, entry, wit, output, stub] = process.argv.slice(2);
const load = createRequire(path.join(folder, "x.js"));
const here = path.dirname(fileURLToPath(import.meta.url));
const { build } = load("esbuild");
const { componentize } = load("componentize-qjs");

const bundled = await build({
  entryPoints: [entry],
  bundle: true,
  write: false,
  format: "esm",
  target: "es2022",
  platform: "neutral",
  mainFields: ["module", "main"],
  nodePaths: [folder],
  alias: { "wasmarket-guest": path.join(here, "guest") },
  external: ["wasmarket:*"],
  logLevel: "silent",
}).catch((failed) => {
  for (const { text, location } of failed.errors ?? [{ text: String(failed) }]) {
    console.error(location ? `${location.file}:${location.line}: ${text}` : text);
  }
  process.exit(1);
});
const { component } = await componentize({
  jsSource: bundled.outputFiles[0].text,
  witPath: wit,
  world: "app",
  sync: true,
  stubWasi: stub === "1",
});
fs.writeFileSync(output, component);
