// AquaVM in npm marine-js: node marine_js.mjs <node_modules> [repeat]. Reads a JSON list of arguments
// of `invoke` on stdin (byte arrays as lists of numbers), prints {outcomes, microseconds of each}.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [modules, repeat] = process.argv.slice(2);
const folder = join(modules, "@fluencelabs", "marine-js", "dist");
const { MarineService } = await import(pathToFileURL(join(folder, "MarineService.js")).href);
const control = new WebAssembly.Module(readFileSync(join(folder, "marine-js.wasm")));
const avm = readFileSync(join(modules, "@fluencelabs", "avm", "dist", "avm.wasm"));
const wasi = { envs: {}, preopened_files: new Set(), mapped_dirs: new Map() };
const config = { modules_config: [{ import_name: "avm", config: { logger_enabled: true, logging_mask: 0, wasi } }] };
const service = new MarineService(control, "avm", () => {}, config, { avm: new Uint8Array(avm) }, {});
await service.init();
const parameters = {
  call_parameters: undefined,
  particle: { id: "", init_peer_id: "", timestamp: 0, ttl: 0, script: "", signature: [], token: "" },
  service_id: "", service_creator_peer_id: "", host_id: "", worker_id: "", tetraplets: [],
};
const invokes = JSON.parse(readFileSync(0, "utf8"));
const outcomes = [];
const times = [];
for (const args of invokes) {
  outcomes.push(service.call("invoke", args, parameters));
  const count = Number(repeat ?? 0);
  const before = process.cpuUsage();
  for (let i = 0; i < count; i++) service.call("invoke", args, parameters);
  const { user, system } = process.cpuUsage(before);
  times.push(count ? (user + system) / count : 0);
}
process.stdout.write(JSON.stringify({ outcomes, times }));
