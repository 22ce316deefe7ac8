// A tank that is kept between two levels: each minute a clock calls `tick`, which reads the level,
// decides about the pump, and keeps what it decided.
import * as kv from "wasmarket-guest/kv";
import { info } from "wasmarket-guest/log";
import { parameters } from "wasmarket-guest/call";
import { decode, encode } from "wasmarket-guest/text";
import type { f64, Result, u32 } from "wasmarket-guest";

const LOW = 20, HIGH = 80;

interface State { level: f64; pump: boolean; ticks: u32 }

function load(): State {
  const kept = kv.get("state");
  return kept ? JSON.parse(decode(kept)) : { level: 50, pump: false, ticks: 0 };
}

/** What the sensor says, in percent. */
export function measure(level: f64): Result<State> {
  if (!(level >= 0 && level <= 100)) throw new Error("a level is between 0 and 100");
  const state = { ...load(), level };
  kv.put("state", encode(JSON.stringify(state)));
  return state;
}

/** Decide: full enough, too empty, or as before. The same firing counts once. */
export function tick(): State {
  const state = load();
  const firing = parameters().particle_id ?? "";
  const last = kv.get("firing");
  if (last && decode(last) === firing && firing.includes(":")) return state;
  const pump = state.level < LOW ? true : state.level > HIGH ? false : state.pump;
  if (pump !== state.pump) info(`level ${state.level}: pump ${pump ? "on" : "off"}`);
  const next = { ...state, pump, ticks: state.ticks + 1 };
  kv.put("state", encode(JSON.stringify(next)));
  kv.put("firing", encode(firing));
  return next;
}

export function look(): State {
  return load();
}
