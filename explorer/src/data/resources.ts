/** What a page reads stays on it, is read anew at every beat, and says when it cannot be read. */

import { useEffect, useState } from "preact/hooks";

import { Problem, askAll, askMatcher } from "./fetching";
import { onBeat } from "./live";
import type { ChainEvent, Page } from "./views";

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

interface ListedEvent extends ChainEvent {
  data: Record<string, unknown>;
}

/** Events about a deal, a peer or an account, or of a kind, the newest first. */
export function useHistory(query: string, most = 100): Resource<ChainEvent[]> {
  const narrowed = `${query}&limit=${most}`;
  return useReading(narrowed, () => readHistory(narrowed));
}

/** The same, once. */
export async function readHistory(query: string): Promise<ChainEvent[]> {
  const page = await askMatcher<Page<ListedEvent>>(`/v1/history?${query}`);
  return page.items.map(({ data, ...place }) => ({ ...data, ...dropNulls(place) }) as ChainEvent);
}

function dropNulls(value: object): object {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null));
}
