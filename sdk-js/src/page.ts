import type { Properties } from "./tracker.js";

const SETTLES_WITHIN = 50; // milliseconds in which a router redirects and sets the title

/** Hash routes are pages, anchors are not. */
const place = (): string => location.pathname + location.search + (/^#!?\//.test(location.hash) ? location.hash : "");

/**
 * Call `view` once for each page that is shown: the first, those of the history API, and one that comes back from the cache.
 * Returns what looks at once, for a page that goes away.
 */
export const watchPages = (view: () => void): (() => void) => {
  const page = document as Document & { prerendering?: boolean };
  let shown: string | undefined;
  let timer: number | undefined;
  const look = (): void => {
    const now = place();
    if (page.prerendering || now === shown) return; // a page that is rendered ahead may never be seen
    shown = now;
    view();
  };
  const soon = (): void => {
    clearTimeout(timer);
    timer = setTimeout(look, SETTLES_WITHIN);
  };
  for (const name of ["pushState", "replaceState"] as const) {
    const original = history[name];
    history[name] = function (...given) {
      original.apply(this, given);
      soon();
    };
  }
  addEventListener("popstate", soon);
  addEventListener("pageshow", ({ persisted }) => {
    if (persisted) shown = undefined;
    soon();
  });
  page.addEventListener("prerenderingchange", soon);
  addEventListener("DOMContentLoaded", soon);
  if (page.readyState !== "loading") soon();
  return look;
};

const PROPERTY = "data-track-";

/** Call `track` for clicks on elements with `data-track`, and for submits of forms with it. */
export const watchElements = (track: (type: string, name: string | undefined, properties: Properties) => void): void => {
  const listen = (event: Event): void => {
    // The path goes through shadow roots, which closest() does not.
    const path = event.composedPath() as HTMLElement[];
    const found = path.find((node) => node.dataset?.["track"] && node.matches("form") === (event.type === "submit"));
    if (!found) return;
    const properties: Properties = {};
    for (const { name, value } of found.attributes) {
      if (name.startsWith(PROPERTY)) {
        properties[name.slice(PROPERTY.length).replace(/-/g, "_")] = `${+value}` === value ? +value : value;
      }
    }
    delete properties["name"];
    track(found.dataset["track"]!, found.dataset["trackName"], properties);
  };
  addEventListener("click", listen, true);
  addEventListener("submit", listen, true);
};
