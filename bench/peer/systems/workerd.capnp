using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [(name = "main", worker = .worker)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);

const worker :Workerd.Worker = (
  modules = [
    (name = "worker.mjs", esModule = embed "worker.mjs"),
    (name = "guest.mjs", esModule = embed "guest.mjs"),
    (name = "guest.wasm", wasm = embed "../guest/guest.wasm"),
  ],
  compatibilityDate = "2025-09-01",
);
