// UTF-8, which QuickJS has no words for.
export function encode(text) {
  const escaped = encodeURIComponent(text.toWellFormed?.() ?? text);
  const bytes = [];
  for (let at = 0; at < escaped.length; at += 1) {
    if (escaped[at] === "%") {
      bytes.push(parseInt(escaped.slice(at + 1, at + 3), 16));
      at += 2;
    } else bytes.push(escaped.charCodeAt(at));
  }
  return new Uint8Array(bytes);
}

export function decode(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at];
    const more = first < 0x80 ? 0 : first < 0xc2 ? -1 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : first < 0xf5 ? 3 : -1;
    let code = more <= 0 ? first : first & (0x3f >> more);
    let read = 1;
    while (read <= more && (bytes[at + read] & 0xc0) === 0x80) code = (code << 6) | (bytes[at + read++] & 0x3f);
    const isWhole = more >= 0 && read === more + 1 && code <= 0x10ffff && !(code >= 0xd800 && code < 0xe000);
    text += isWhole ? String.fromCodePoint(code) : "\ufffd";
    at += read;
  }
  return text;
}
