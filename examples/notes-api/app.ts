// Notes for a mobile or web app: POST /v1/deals/{deal}/notes/add {"text": …}, …/notes/list {}, and so on.
import type { Result, u32 } from "wasmarket-guest";
import * as kv from "wasmarket-guest/kv";
import { decode, encode } from "wasmarket-guest/text";

const MOST = 1000;
const LONGEST = 10_000;

interface Note { id: u32; text: string }

function load(id: number): Note | null {
  const kept = kv.get(`note/${id}`);
  return kept === undefined ? null : { id, text: decode(kept) };
}

export function add(text: string): Result<Note> {
  if (text === "" || text.length > LONGEST) throw new Error(`a note has 1 to ${LONGEST} characters`);
  const id = kv.add("last", 1);
  kv.put(`note/${id}`, encode(text));
  return { id, text };
}

export function list(): Note[] {
  const ids = kv.keys("note/", "", MOST).map((key) => Number(key.slice("note/".length)));
  return ids.sort((one, other) => one - other).flatMap((id) => load(id) ?? []);
}

export function read(id: u32): Note | null {
  return load(id);
}

/** Whether there was such a note. */
export function remove(id: u32): boolean {
  const was = load(id) !== null;
  if (was) kv.remove(`note/${id}`);
  return was;
}
