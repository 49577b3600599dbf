// The views, by the name that the address has.
import type { ComponentType } from "preact";
import { lazily } from "../lib/lazily";
import type { Right } from "../lib/session";
import type { IconName } from "../parts/icon";
import { Ask } from "./ask";
import { Explore } from "./explore";
import { Funnels } from "./funnels";
import { Journey } from "./journey";
import { Live } from "./live";
import { Paths } from "./paths";
import { Retention } from "./retention";
import { Sessions } from "./sessions";
import { Sql } from "./sql";

// Loaded when they are opened.
const Dashboards = lazily(async () => (await import("./dashboards")).Dashboards);
const Events = lazily(async () => (await import("./events")).Events);
const Debugger = lazily(async () => (await import("./debugger")).Debugger);
const Catalogue = lazily(async () => (await import("./catalogue")).Catalogue);
const Letters = lazily(async () => (await import("./letters")).Letters);
const Start = lazily(async () => (await import("./start")).Start);
const Settings = lazily(async () => (await import("./settings/index")).Settings);

export interface View {
  title: string;
  icon: IconName;
  group: string;
  needs: Right;
  show: ComponentType;
}

export const VIEWS: Readonly<Record<string, View>> = {
  live: { title: "Live", icon: "activity", group: "Now", needs: "view", show: Live },
  dashboards: { title: "Dashboards", icon: "board", group: "Now", needs: "view", show: Dashboards },
  ask: { title: "Ask", icon: "spark", group: "Questions", needs: "query", show: Ask },
  explore: { title: "Explore", icon: "chart", group: "Questions", needs: "view", show: Explore },
  funnels: { title: "Funnels", icon: "funnel", group: "Questions", needs: "view", show: Funnels },
  retention: { title: "Retention", icon: "repeat", group: "Questions", needs: "view", show: Retention },
  paths: { title: "Paths", icon: "route", group: "Questions", needs: "view", show: Paths },
  sessions: { title: "Sessions", icon: "clock", group: "Questions", needs: "view", show: Sessions },
  journeys: { title: "Journeys", icon: "user", group: "Questions", needs: "view", show: Journey },
  sql: { title: "SQL", icon: "terminal", group: "Questions", needs: "query", show: Sql },
  events: { title: "Events", icon: "database", group: "Data", needs: "view", show: Events },
  debugger: { title: "Debugger", icon: "bug", group: "Data", needs: "view", show: Debugger },
  catalogue: { title: "Catalogue", icon: "tags", group: "Data", needs: "query", show: Catalogue },
  letters: { title: "Dead letters", icon: "letters", group: "Data", needs: "view", show: Letters },
  settings: { title: "Settings", icon: "settings", group: "Data", needs: "view", show: Settings },
  start: { title: "Get started", icon: "rocket", group: "Data", needs: "view", show: Start },
};

export const FIRST = "live";

/** The view of this name; what every object has besides (`constructor`) is none. */
export const viewNamed = (name: string): View | undefined => (Object.hasOwn(VIEWS, name) ? VIEWS[name] : undefined);
