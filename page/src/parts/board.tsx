// Widgets on their grid: shown, or arranged with the mouse, a finger or the arrow keys. On a phone they are one column.
import type { ComponentChildren, TargetedPointerEvent } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { apart, arranged, beneath, type Place, type Placed, within } from "../lib/grid";
import { Icon } from "./icon";

const ROW = 64;
const GAP = 14;
const HEAD = 46;
const FOOT = 14;
const PHONE = "(max-width: 760px)";

/** Pixels for what stands below the title of a widget of so many rows. */
export const roomOf = (rows: number): number => rows * ROW + (rows - 1) * GAP - HEAD - FOOT;

export function usePhone(): boolean {
  const [is, set] = useState(() => matchMedia(PHONE).matches);
  useEffect(() => {
    const query = matchMedia(PHONE);
    const changed = () => set(query.matches);
    query.addEventListener("change", changed);
    return () => query.removeEventListener("change", changed);
  }, []);
  return is;
}

export interface BoardItem extends Placed {
  title: string;
}

interface Props<T extends BoardItem> {
  label: string;
  columns: number;
  items: readonly T[];
  /** Only where it may be arranged. */
  onArrange?: ((items: T[]) => void) | undefined;
  show: (item: T, handle: ComponentChildren) => ComponentChildren;
}

type Grip = "move" | "size";

interface Drag {
  id: string;
  grip: Grip;
  fromX: number;
  fromY: number;
  place: Place;
}

const KEYS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

const shifted = (place: Place, grip: Grip, across: number, down: number, columns: number): Place => {
  if (grip === "move") return within({ ...place, x: place.x + across, y: place.y + down }, columns);
  const width = Math.min(Math.max(1, place.width + across), columns - place.x);
  return within({ ...place, width, height: place.height + down }, columns);
};

export function Board<T extends BoardItem>({ label, columns, items, onArrange, show }: Props<T>) {
  const root = useRef<HTMLDivElement>(null);
  const drag = useRef<Drag | null>(null);
  const [preview, setPreview] = useState<T[] | null>(null);
  const [said, setSaid] = useState("");
  const isPhone = usePhone();
  const settled = apart(items, columns);
  const isArranged = onArrange !== undefined && !isPhone;
  // While it is arranged nothing changes its place among its siblings: an element that is moved in the document loses the focus.
  const order = useRef<string[]>([]);
  const ids = settled.map((one) => one.id);
  order.current = isArranged ? [...order.current, ...ids.filter((id) => !order.current.includes(id))] : ids;
  const rank = (id: string) => order.current.indexOf(id);
  const shown = [...(preview ?? settled)].sort((one, two) => rank(one.id) - rank(two.id));

  const moved = (id: string, to: Place) => arranged(settled, id, to);
  const tell = (title: string, next: T[], id: string) => {
    const at = next.find((one) => one.id === id)!.position;
    setSaid(`${title || "Widget"}: column ${at.x + 1}, row ${at.y + 1}, ${at.width} wide, ${at.height} high`);
  };
  const begin = (item: T, grip: Grip, event: TargetedPointerEvent<HTMLElement>) => {
    if (event.button !== 0) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    drag.current = { id: item.id, grip, fromX: event.clientX, fromY: event.clientY + window.scrollY, place: item.position };
    setPreview(settled);
  };
  const follow = (event: TargetedPointerEvent<HTMLElement>) => {
    const now = drag.current;
    if (!now || !root.current) return;
    const cell = (root.current.clientWidth + GAP) / columns;
    const across = Math.round((event.clientX - now.fromX) / cell);
    const down = Math.round((event.clientY + window.scrollY - now.fromY) / (ROW + GAP));
    setPreview(moved(now.id, shifted(now.place, now.grip, across, down, columns)));
  };
  const end = (item: T) => {
    if (!drag.current) return;
    drag.current = null;
    if (preview && JSON.stringify(preview) !== JSON.stringify(settled)) {
      onArrange?.(preview);
      tell(item.title, preview, item.id);
    }
    setPreview(null);
  };
  const abandon = () => {
    drag.current = null;
    setPreview(null);
  };
  const press = (item: T, grip: Grip, event: KeyboardEvent) => {
    if (event.key === "Escape" && drag.current) return abandon();
    const step = KEYS[event.key];
    if (!step) return;
    event.preventDefault();
    const changed = event.shiftKey ? "size" : grip;
    const isDown = changed === "move" && step[1] > 0;
    // A row lower it would fall up again to where it is.
    const next = moved(item.id, isDown ? within(beneath(settled, item.id), columns) : shifted(item.position, changed, step[0], step[1], columns));
    onArrange?.(next);
    tell(item.title, next, item.id);
  };
  const gripOf = (item: T, grip: Grip) => ({
    onPointerDown: (event: TargetedPointerEvent<HTMLElement>) => begin(item, grip, event),
    onPointerMove: follow,
    onPointerUp: () => end(item),
    onPointerCancel: abandon,
    onKeyDown: (event: KeyboardEvent) => press(item, grip, event),
  });

  return (
    <div class={`board ${isArranged ? "arranging" : ""}`} ref={root} role="group" aria-label={label} style={isPhone ? undefined : { gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))` }}>
      {shown.map((item) => (
        <div key={item.id} class="board-item" data-held={drag.current?.id === item.id} style={isPhone ? undefined : placeStyle(item.position)}>
          {show(
            item,
            isArranged && (
              <button type="button" class="button quiet square grip" aria-label={`Move ${item.title || "widget"}`} title="Drag it, or use the arrow keys; with Shift they change its size" {...gripOf(item, "move")}>
                <Icon name="grip" />
              </button>
            ),
          )}
          {isArranged && <button type="button" class="sizer" aria-label={`Change the size of ${item.title || "widget"}`} title="Drag it, or use the arrow keys" {...gripOf(item, "size")} />}
        </div>
      ))}
      <p class="unseen" role="status">
        {said}
      </p>
    </div>
  );
}

const placeStyle = (at: Place) => ({ gridColumn: `${at.x + 1} / span ${at.width}`, gridRow: `${at.y + 1} / span ${at.height}` });
