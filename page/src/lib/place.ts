// Where the page is: the part behind # is the state of a view, so that every view can be linked to. It never reaches the server.
import { useEffect, useState } from "preact/hooks";

export interface Place {
  view: string;
  params: URLSearchParams;
}

/** What stays when the view changes. */
const KEPT = ["tenant"];

export function placeNow(): Place {
  const [view = "", query = ""] = location.hash.replace(/^#\/?/, "").split("?", 2);
  return { view: decoded(view), params: new URLSearchParams(query) };
}

/** Read as it stands where it is no encoding: somebody typed it, and it names no view. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A link to a view, with what stays of now. */
export function linkTo(view: string, params: Record<string, string | undefined> = {}): string {
  const now = placeNow().params;
  const next = new URLSearchParams();
  for (const name of KEPT) {
    const value = now.get(name);
    if (value !== null) next.set(name, value);
  }
  for (const [name, value] of Object.entries(params)) if (value) next.set(name, value);
  const query = next.toString();
  return `#/${view}${query ? `?${query}` : ""}`;
}

export function go(link: string, how: "push" | "replace" = "push"): void {
  if (location.hash === link) return;
  if (how === "push") location.hash = link;
  else {
    history.replaceState(null, "", link);
    window.dispatchEvent(new HashChangeEvent("hashchange"));
  }
}

/** Change parts of the state; an empty value is taken out. */
export function change(params: Record<string, string | undefined>, how: "push" | "replace" = "push"): void {
  const now = placeNow();
  for (const [name, value] of Object.entries(params)) {
    if (value) now.params.set(name, value);
    else now.params.delete(name);
  }
  const query = now.params.toString();
  go(`#/${now.view}${query ? `?${query}` : ""}`, how);
}

export function usePlace(): Place {
  const [place, set] = useState(placeNow);
  useEffect(() => {
    const changed = () => set(placeNow());
    window.addEventListener("hashchange", changed);
    return () => window.removeEventListener("hashchange", changed);
  }, []);
  return place;
}
