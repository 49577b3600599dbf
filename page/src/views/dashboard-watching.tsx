// Looking at a dashboard for long: asked anew by itself, and on the whole screen.
import { useEffect, useRef, useState } from "preact/hooks";
import { change, usePlace } from "../lib/place";
import { Select } from "../parts/basics";
import { Icon } from "../parts/icon";

const EVERY = [
  ["", "By hand"],
  ["10", "Every 10 s"],
  ["30", "Every 30 s"],
  ["60", "Every minute"],
  ["300", "Every 5 min"],
] as const;

type Every = (typeof EVERY)[number][0];

const everyNamed = (text: string | null): Every => EVERY.find(([value]) => value === text)?.[0] ?? "";

/** Milliseconds between two times; 0 where it is not asked anew by itself. */
export const everyOf = (text: string | null): number => Number(everyNamed(text)) * 1000;

export function Refresh({ onRefresh }: { onRefresh: () => void }) {
  const { params } = usePlace();
  return (
    <>
      <Select hidden label="Refreshed" class="fit" value={everyNamed(params.get("refresh"))} options={EVERY} onChange={(refresh) => change({ refresh }, "replace")} />
      <button type="button" class="button square" aria-label="Refresh now" title="Refresh now" onClick={onRefresh}>
        <Icon name="refresh" size={15} />
      </button>
    </>
  );
}

export function useFullScreen() {
  const place = useRef<HTMLDivElement>(null);
  const [isOn, setOn] = useState(false);
  useEffect(() => {
    const changed = () => setOn(document.fullscreenElement === place.current && place.current !== null);
    document.addEventListener("fullscreenchange", changed);
    return () => document.removeEventListener("fullscreenchange", changed);
  }, []);
  const toggle = () => void (document.fullscreenElement ? document.exitFullscreen() : place.current?.requestFullscreen()?.catch(() => {}));
  return { place, isOn, toggle };
}
