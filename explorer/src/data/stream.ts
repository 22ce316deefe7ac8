/** Read the matcher's events as they are indexed, resumed where a connection broke. */

import { Problem } from "./fetching";
import { getSettings } from "./settings";
import type { ChainEvent } from "./views";

export interface StreamListener {
  onEvents(events: ChainEvent[]): void;
  onReorg(block: number): void;
  onOpen(): void;
  /** The connection broke; it is tried again after so many milliseconds. */
  onBreak(problem: Problem, pause: number): void;
}

const LONGEST_PAUSE = 3000;
/** The matcher says something at least every 15 seconds. */
const SILENCE = 40_000;

/** Follow events from behind an id (null: from now on) until the function that is returned is called. */
export function followEvents(query: string, from: string | null, listener: StreamListener): () => void {
  const ending = new AbortController();
  void follow(query, from, listener, ending.signal);
  return () => ending.abort();
}

async function follow(query: string, from: string | null, listener: StreamListener, signal: AbortSignal) {
  let last = from;
  let pause = 250;
  while (!signal.aborted) {
    try {
      await readOnce(query, last, signal, {
        onOpen() {
          pause = 250;
          listener.onOpen();
        },
        onMessages(messages) {
          last = deliver(messages, listener) ?? last;
        },
      });
      throw new Problem(0, "the stream of events ended");
    } catch (error) {
      if (signal.aborted) return;
      const problem = error instanceof Problem ? error : new Problem(0, "the matcher does not answer");
      listener.onBreak(problem, pause);
      await new Promise((resolve) => setTimeout(resolve, pause));
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    }
  }
}

function deliver(messages: Message[], listener: StreamListener): string | null {
  let events: ChainEvent[] = [];
  const flush = () => {
    if (events.length > 0) listener.onEvents(events);
    events = [];
  };
  for (const message of messages) {
    const data = JSON.parse(message.data);
    if (message.event === "reorg") {
      flush();
      listener.onReorg(Number(data.block));
    } else {
      events.push({ ...data, id: message.id, name: message.event });
    }
  }
  flush();
  return messages.at(-1)?.id ?? null;
}

interface Message {
  id: string;
  event: string;
  data: string;
}

async function readOnce(
  query: string,
  last: string | null,
  signal: AbortSignal,
  on: { onOpen(): void; onMessages(messages: Message[]): void },
) {
  const quiet = new AbortController();
  let timer = setTimeout(() => quiet.abort(), SILENCE);
  try {
    const headers: Record<string, string> = last === null ? {} : { "Last-Event-ID": last };
    const answer = await fetch(`${getSettings().matcher}/v1/events?${query}`, {
      headers,
      signal: AbortSignal.any([signal, quiet.signal]),
      credentials: "omit",
    });
    if (!answer.ok || answer.body === null) throw new Problem(answer.status, `events: ${answer.status}`);
    on.onOpen();
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      clearTimeout(timer);
      timer = setTimeout(() => quiet.abort(), SILENCE);
      const parts = (rest + value).split("\n\n");
      rest = parts.pop() ?? "";
      const messages = parts.map(parseMessage).filter((message) => message.data !== "");
      if (messages.length > 0) on.onMessages(messages);
    }
  } finally {
    clearTimeout(timer);
  }
}

function parseMessage(text: string): Message {
  const message: Message = { id: "", event: "", data: "" };
  for (const line of text.split("\n")) {
    const colon = line.indexOf(": ");
    const name = line.slice(0, colon);
    if (name === "id" || name === "event" || name === "data") message[name] = line.slice(colon + 2);
  }
  return message;
}
