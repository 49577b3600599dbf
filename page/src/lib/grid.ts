// Places on a grid: widgets make room for the one that is moved, and fall up into what is free.

export interface Place {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Placed {
  id: string;
  position: Place;
}

const shareColumns = (one: Place, two: Place): boolean => one.x < two.x + two.width && two.x < one.x + one.width;
const meet = (one: Place, two: Place): boolean => shareColumns(one, two) && one.y < two.y + two.height && two.y < one.y + one.height;

export const inOrder = <T extends Placed>(widgets: readonly T[]): T[] =>
  [...widgets].sort((one, two) => one.position.y - two.position.y || one.position.x - two.position.x);

/** Inside of the grid, whatever was asked for. */
export function within(place: Place, columns: number): Place {
  const width = Math.max(1, Math.min(place.width, columns));
  return {
    width,
    height: Math.max(1, Math.min(place.height, 50)),
    x: Math.max(0, Math.min(place.x, columns - width)),
    y: Math.max(0, Math.min(place.y, 900)),
  };
}

/** All of them where they are once one is moved: the others make way downwards, and everything falls up. */
export function arranged<T extends Placed>(widgets: readonly T[], id: string, to: Place): T[] {
  const first = widgets.find((one) => one.id === id);
  if (!first) return [...widgets];
  const others = inOrder(widgets.filter((one) => one.id !== id));
  const free = others.filter((one) => !meet(one.position, to) && one.position.y < to.y);
  const rest = others.filter((one) => !free.includes(one));
  const placed: Place[] = [];
  const found = new Map<string, Place>();
  for (const one of [...free, { id, position: to }, ...rest]) {
    const position = { ...one.position };
    while (placed.some((other) => meet(other, position))) position.y++;
    while (position.y > 0 && !placed.some((other) => meet(other, { ...position, y: position.y - 1 }))) position.y--;
    placed.push(position);
    found.set(one.id, position);
  }
  return widgets.map((one) => ({ ...one, position: found.get(one.id)! }));
}

/** Where a widget is to be so that it comes to stand below what is under it now; where it is, if nothing is. */
export function beneath(widgets: readonly Placed[], id: string): Place {
  const mine = widgets.find((one) => one.id === id)!.position;
  const under = widgets.map((one) => one.position).filter((one) => shareColumns(one, mine) && one.y >= mine.y + mine.height);
  const first = Math.min(...under.map((one) => one.y));
  const line = under.filter((one) => one.y === first);
  return { ...mine, y: Math.max(mine.y, ...line.map((one) => one.y + one.height)) };
}

/** Those that overlap, as somebody else may have left them, one below the other. */
export function apart<T extends Placed>(widgets: readonly T[], columns: number): T[] {
  const placed: Place[] = [];
  return inOrder(widgets).map((one) => {
    const position = within(one.position, columns);
    while (placed.some((other) => meet(other, position))) position.y++;
    placed.push(position);
    return { ...one, position };
  });
}

/** The first place, by lines, where nothing is. */
export function firstFree(widgets: readonly Placed[], width: number, height: number, columns: number): Place {
  for (let y = 0; ; y++) {
    for (let x = 0; x <= columns - width; x++) {
      const place = { x, y, width, height };
      if (!widgets.some((one) => meet(one.position, place))) return place;
    }
  }
}
