// Answers its body in upper case. Raw ABI: see ../raw-abi.md.

export function alloc(size: usize): usize {
  return heap.alloc(size);
}

export function dealloc(pointer: usize, size: usize): void {
  heap.free(pointer);
}

export function upper(body: usize, size: usize): u64 {
  for (let at = body; at < body + size; at++) {
    const byte = load<u8>(at);
    if (byte >= 97 && byte <= 122) store<u8>(at, byte - 32);
  }
  return ((body as u64) << 32) | (size as u64);
}
