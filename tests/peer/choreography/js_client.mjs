// The unchanged npm js-client as a client of a peer: node js_client.mjs <node_modules> <multiaddr> <deal> <work folder>
// Prints one JSON object: what each step gave.
import { pathToFileURL } from "node:url";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

Promise.withResolvers ??= function () {
  let resolve, reject;
  const promise = new Promise((yes, no) => ((resolve = yes), (reject = no)));
  return { promise, resolve, reject };
};

const [modules, multiaddr, deal, folder] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(join(modules, "@fluencelabs", name)).href);
const { Fluence, KeyPair, v5_callFunction } = await load("js-client/dist/index.js");
const { compileFromString } = await load("aqua-api/index.js");
const log = console.log;
console.log = console.error;

const source = `aqua Test declares *

export hello, each, wrong

data Worker:
  pat_id: string
  host_id: string
  worker_id: ?string

data Subnet:
  success: bool
  error: []string
  workers: []Worker

data Told:
  text: string
  size: u32

service Deals("subnet"):
  resolve(deal: string) -> Subnet

service Greeting("greeting"):
  greeting(name: string) -> string
  none(name: string) -> string

func hello(deal: string, name: string) -> []string, Told:
  answers: *string
  on HOST_PEER_ID:
    subnet <- Deals.resolve(deal)
  for w <- subnet.workers par:
    on w.worker_id! via w.host_id:
      answers <- Greeting.greeting(name)
  join answers[1]
  <- answers, Told(text = answers[0], size = 2)

func each(deal: string, tell: string -> string) -> string:
  on HOST_PEER_ID:
    subnet <- Deals.resolve(deal)
  told <- tell(subnet.workers[0].host_id)
  <- told

func wrong(deal: string) -> string:
  on HOST_PEER_ID:
    subnet <- Deals.resolve(deal)
  on subnet.workers[1].worker_id! via subnet.workers[1].host_id:
    r <- Greeting.none("x")
  <- r
`;
const compiled = await compileFromString({ code: source, imports: [], targetType: "js" });
if (compiled.errors.length) throw new Error(compiled.errors.join("\n"));
const client = pathToFileURL(join(modules, "@fluencelabs", "js-client/dist/index.js")).href;
const file = join(folder, "generated.mjs");
writeFileSync(file, compiled.generatedSources[0].jsSource.replace("'@fluencelabs/js-client'", `'${client}'`));
const aqua = await import(pathToFileURL(file).href);

const raw = {
  functionName: "raw",
  arrow: {
    tag: "arrow",
    domain: { tag: "labeledProduct", fields: {} },
    codomain: { tag: "unlabeledProduct", items: [{ tag: "scalar", name: "string" }] },
  },
  names: {
    relay: "-relay-",
    getDataSrv: "getDataSrv",
    callbackSrv: "callbackSrv",
    responseSrv: "callbackSrv",
    responseFnName: "response",
    errorHandlingSrv: "errorHandlingSrv",
    errorFnName: "error",
  },
};
const air = (text) => `(seq
  (call %init_peer_id% ("getDataSrv" "-relay-") [] -relay-)
  (seq (call -relay- ("op" "concat_strings") ["got " "${text}"] x)
       (call %init_peer_id% ("callbackSrv" "response") [x])))`;

const timed = async (work) => {
  const began = performance.now();
  const value = await work();
  return [value, performance.now() - began];
};
const options = { ttl: 60000 };
const relay = { multiaddr, peerId: multiaddr.split("/p2p/")[1] };
const secretKey = new Uint8Array(32).fill(5);
const connect = () =>
  Fluence.connect(relay, { keyPair: { type: "Ed25519", source: secretKey }, defaultTtlMs: 60000 });

const steps = {};
await connect();
steps.raw = await v5_callFunction([], raw, air("raw"), options);
steps.hello = await aqua.hello(deal, "Ada", options);
steps.each = await aqua.each(deal, (text) => `told ${text.length > 40}`, options);
steps.wrong = await aqua.wrong(deal, options).catch((error) => String(error.message ?? error));
const many = Number(process.env.MANY ?? 200);
const [all, ms] = await timed(() =>
  Promise.all(Array.from({ length: many }, (_, i) => v5_callFunction([], raw, air(i), options))),
);
steps.many = all.every((text, i) => text === `got ${i}`) ? all.length : all;
steps.manyMs = ms;
const trips = [];
for (let i = 0; i < Number(process.env.TRIPS ?? 10); i++)
  trips.push((await timed(() => v5_callFunction([], raw, air("trip"), options)))[1]);
steps.tripMs = trips.sort((a, b) => a - b)[trips.length >> 1];
await Fluence.disconnect();
await connect();
steps.again = await v5_callFunction([], raw, air("again"), options);
await Fluence.disconnect();
log(JSON.stringify(steps));
process.exit(0);
