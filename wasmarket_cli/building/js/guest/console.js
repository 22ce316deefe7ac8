// What is written to the console is a line of the log.
import { write } from "wasmarket:guest/log@1.0.0";

function show(value) {
  if (typeof value === "string") return value;
  if (value instanceof Error) return value.stack ? `${value}\n${value.stack}` : String(value);
  const text = JSON.stringify(value, (_, part) => (typeof part === "bigint" ? String(part) : part));
  return text ?? String(value);
}

const to = (level) => (...values) => write(level, values.map(show).join(" "));
globalThis.console ??= {
  log: to("info"),
  info: to("info"),
  error: to("error"),
  warn: to("warn"),
  debug: to("debug"),
  trace: to("trace"),
};
