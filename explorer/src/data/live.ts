/** Whether the page is up to date, and the beat by which all it shows is read anew. */

import { useEffect, useState } from "preact/hooks";

import { askMatcher } from "./fetching";
import { followEvents } from "./stream";
import type { ServiceStatus } from "./views";

export type Connection = "connecting" | "live" | "down";

export interface LiveState {
  connection: Connection;
  /** Newest block that is indexed. */
  block: number | null;
  head: number | null;
  /** Why it is down. */
  problem: string | null;
  /** The block that the last reorg fell back to, until the reader has seen it. */
  reorg: number | null;
}

/** What brings no event (offers, blocks without one) is read at least so often. */
const BEAT = 4000;

let state: LiveState = {
  connection: "connecting",
  block: null,
  head: null,
  problem: null,
  reorg: null,
};
const watchers = new Set<() => void>();
const beats = new Set<() => void>();

function change(part: Partial<LiveState>) {
  state = { ...state, ...part };
  for (const watcher of watchers) watcher();
}

function beat() {
  for (const listener of beats) listener();
}

/** Call `listener` whenever something may be new. */
export function onBeat(listener: () => void): () => void {
  beats.add(listener);
  return () => beats.delete(listener);
}

export function useLive(): LiveState {
  const [, redraw] = useState(0);
  useEffect(() => {
    const watcher = () => redraw((n) => n + 1);
    watchers.add(watcher);
    return () => void watchers.delete(watcher);
  }, []);
  return state;
}

export function forgetReorg() {
  change({ reorg: null });
}

async function readStatus() {
  const status = await askMatcher<ServiceStatus>("/v1/status");
  change({ block: status.indexed, head: status.head });
}

function refresh() {
  if (state.connection !== "live") return;
  // Where it fails the stream breaks as well, which says so.
  readStatus().catch(() => undefined);
  beat();
}

export function startLive() {
  followEvents("", null, {
    onOpen() {
      change({ connection: "live", problem: null });
      refresh();
    },
    onEvents(events) {
      change({ block: Math.max(state.block ?? 0, events.at(-1)?.block ?? 0) });
      beat();
    },
    onReorg(block) {
      change({ reorg: block });
      refresh();
    },
    onBreak(problem) {
      change({ connection: "down", problem: problem.message });
    },
  });
  setInterval(() => {
    if (!document.hidden) refresh();
  }, BEAT);
  document.addEventListener("visibilitychange", refresh);
}
