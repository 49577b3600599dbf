import { attempt, type Device } from "./device.js";
import { newId } from "./ids.js";

/** Who visits: a visitor, a session and when it had its last event, the user once that is known. */
export interface Visit {
  v: string;
  s: string;
  t: number;
  u?: string;
}

export const VISIT = "visit";
const SESSION_ENDS_AFTER = 1_800_000;

/** The visit that goes on now, or a new one, of all tabs where it can be stored. */
export const visitAt = (now: number, device: Device, inMemory: Visit | undefined): Visit => {
  const stored = attempt(() => JSON.parse(device._read(VISIT)!) as Visit | null);
  const visit = (stored?.v && stored) || inMemory || { v: newId(now), s: "", t: 0 };
  if (now - visit.t > SESSION_ENDS_AFTER) visit.s = newId(now);
  visit.t = now;
  return visit;
};
