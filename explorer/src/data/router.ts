/** Addresses of the page: every view has one, and following a link loads nothing. */

import { useEffect, useState } from "preact/hooks";

export const BASE = "/explorer";

const listeners = new Set<() => void>();

/** The path and query behind the base, without a slash at its end. */
export function currentPath(): string {
  const path = location.pathname.slice(BASE.length).replace(/\/+$/, "") || "/";
  return path + location.search;
}

export function navigate(path: string, replace = false) {
  const target = BASE + path;
  if (replace) history.replaceState(null, "", target);
  else history.pushState(null, "", target);
  for (const listener of listeners) listener();
}

addEventListener("popstate", () => {
  for (const listener of listeners) listener();
});

export function usePath(): string {
  const [path, setPath] = useState(currentPath());
  useEffect(() => {
    const listener = () => setPath(currentPath());
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }, []);
  return path;
}
