/** What a page reads stays on it, is read anew at every beat, and says when it cannot be read. */

import { useEffect, useState } from "preact/hooks";

import { Problem, askAll, askMatcher } from "./fetching";
import { onBeat } from "./live";
import { followEvents } from "./stream";
import type { ChainEvent } from "./views";

export interface Resource<T> {
  data: T | undefined;
  problem: Problem | undefined;
}

/** Read something now and at every beat, one question at a time; null: nothing. */
export function useReading<T>(key: string | null, read: () => Promise<T>): Resource<T> {
  const [found, setFound] = useState<Resource<T> & { key: string | null }>({
    data: undefined,
    problem: undefined,
    key: null,
  });
  useEffect(() => {
    if (key === null) return;
    let isOver = false;
    let isAsking = false;
    let isWanted = false;
    async function ask() {
      if (isAsking) {
        isWanted = true;
        return;
      }
      isAsking = true;
      try {
        const data = await read();
        if (!isOver) setFound({ key, data, problem: undefined });
      } catch (error) {
        const problem = error instanceof Problem ? error : new Problem(0, String(error));
        if (!isOver) {
          setFound((before) => ({
            key,
            data: before.key === key && !problem.isMissing ? before.data : undefined,
            problem,
          }));
        }
      } finally {
        isAsking = false;
      }
      if (isWanted && !isOver) {
        isWanted = false;
        await ask();
      }
    }
    void ask();
    const end = onBeat(() => void ask());
    return () => {
      isOver = true;
      end();
    };
  }, [key]);
  return found.key === key ? found : { data: undefined, problem: undefined };
}

export function useMatcher<T>(path: string | null): Resource<T> {
  return useReading(path, () => askMatcher<T>(path ?? ""));
}

export function useAll<T>(path: string | null): Resource<T[]> {
  return useReading(path, () => askAll<T>(path ?? ""));
}

/** All events about a deal, a peer or an account, from the first on, as long as they hold. */
export function useHistory(query: string | null): ChainEvent[] {
  const [events, setEvents] = useState<ChainEvent[]>([]);
  useEffect(() => {
    setEvents([]);
    if (query === null) return;
    return followEvents(query, "0:0", {
      onEvents: (more) => setEvents((before) => before.concat(more)),
      onReorg: (block) => setEvents((before) => before.filter((event) => event.block <= block)),
      onOpen: () => undefined,
      // The page's own stream, which breaks as well, says so.
      onBreak: () => undefined,
    });
  }, [query]);
  return events;
}
