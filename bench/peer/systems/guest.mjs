// The guest of guest/src/lib.rs in a JavaScript host: Marine's calls by hand, no signatures read.

/** Return a function from bytes to their SHA-256, computed in one warm instance of the module. */
export function openDigest(module) {
  const imports = {};
  for (const { module: space, name } of WebAssembly.Module.imports(module)) {
    imports[space] ??= {};
    imports[space][name] = () => 0;
  }
  const guest = new WebAssembly.Instance(module, imports).exports;
  guest._initialize?.();
  return (body) => {
    const at = guest.allocate(body.length, 1);
    new Uint8Array(guest.memory.buffer, at, body.length).set(body);
    guest.digest(at, body.length);
    const start = guest.get_result_ptr();
    const answer = new Uint8Array(guest.memory.buffer, start, guest.get_result_size()).slice();
    guest.release_objects();
    return answer;
  };
}
