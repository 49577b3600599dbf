/** What is kept in the browser. Works, keeping nothing, where nothing can be kept. */
export interface Device {
  /** Begins the name of everything that is kept. @internal */
  readonly _prefix: string;
  /** Whether anything may be read or written now. @internal */
  _isOpen: boolean;
  /** @internal */
  _read(name: string): string | null;
  /** @internal */
  _write(name: string, text: string): unknown;
  /** @internal */
  _drop(name: string): unknown;
  /** Names of events, in the order of time. @internal */
  _names(): string[];
  /** Forget everything but that the visitor opted out. @internal */
  _clear(): void;
}

/** An event waits under this and its id. */
export const EVENT = "q.";
/** That the visitor opted out is kept and read in any case. */
export const OPTED_OUT = "out";

/** Storage that is blocked or full throws: then there is nothing. */
export const attempt = <T>(act: () => T): T | null => {
  try {
    return act();
  } catch {
    return null;
  }
};

export const openDevice = (prefix: string): Device => {
  const names = (beginning: string): string[] =>
    attempt(() =>
      Object.keys(localStorage)
        .filter((key) => key.startsWith(prefix + beginning))
        .map((key) => key.slice(prefix.length))
        .sort(),
    ) ?? [];
  const drop = (name: string): unknown => attempt(() => localStorage.removeItem(prefix + name));
  const isAllowed = (name: string): boolean => device._isOpen || name === OPTED_OUT;
  const device: Device = {
    _prefix: prefix,
    _isOpen: false,
    _read: (name) => attempt(() => (isAllowed(name) ? localStorage.getItem(prefix + name) : null)),
    _write: (name, text) => attempt(() => isAllowed(name) && localStorage.setItem(prefix + name, text)),
    _drop: drop,
    _names: () => (device._isOpen ? names(EVENT) : []),
    _clear: () => names("").forEach((name) => name === OPTED_OUT || drop(name)),
  };
  return device;
};
