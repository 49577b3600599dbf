import { attempt, OPTED_OUT, openDevice } from "./device.js";
import { newId } from "./ids.js";
import { watchElements, watchPages } from "./page.js";
import { openQueue } from "./queue.js";
import { VISIT, type Visit, visitAt } from "./visit.js";

/** What an event says beside its name: anything that JSON can hold. */
export type Properties = Record<string, unknown>;

export interface TrackerOptions {
  /** Where Millrace is. The default is the page's own origin. */
  apiUrl?: string;
  /** The tenant. Needed, except where `apiKey` says it. */
  customerId?: string;
  /** A public write key. */
  apiKey?: string;
  /** So many waiting events are sent at once. The default is 10. */
  batchSize?: number;
  /** Milliseconds after which a waiting event is sent. The default is 5000. */
  flushInterval?: number;
  /** View pages by itself: the first one, and those of the history API. The default is true. */
  autoTrackPageViews?: boolean;
  /** Keep nothing in the browser: a visitor lasts as long as the page. The default is false. */
  cookieless?: boolean;
  /** With false nothing is stored or sent until `consent(true)`; what happens before is held in memory. The default is true. */
  consent?: boolean;
  /** Say on the console what is done. The default is false. */
  debug?: boolean;
}

/** Sends what happens on a page to Millrace. Nothing here throws. */
export class AnalyticsTracker {
  /** The visitor sees a page. `page` and `title` are the page's own unless they are given. */
  readonly page: (properties?: Properties) => void;
  /** Something happened: `track("button_click", "CTA Click", {button_id: "signup"})`. The name may be left out. */
  readonly track: (type: string, name?: string | Properties, properties?: Properties) => void;
  /** A form was sent. */
  readonly formSubmit: (form: string, properties?: Properties) => void;
  /** The visitor is this user from now on, in this browser. */
  readonly identify: (userId: string | number, traits?: Properties) => void;
  /** Send what waits. Resolves once that was tried, and never rejects. */
  readonly flush: () => Promise<void>;
  /** Forget the user and begin as a new visitor: after a log-out. */
  readonly reset: () => void;
  /** Stop, forget everything including what waits, and remember that. */
  readonly optOut: () => void;
  /** Take `optOut` back. */
  readonly optIn: () => void;
  /** Whether the visitor agrees. With false everything is forgotten, and nothing happens until it is true. */
  readonly consent: (isGiven: boolean) => void;

  constructor(options: TrackerOptions) {
    const { apiUrl, customerId, apiKey, batchSize = 10, flushInterval = 5_000, debug } = options ?? {};
    const log = (...said: unknown[]): void => {
      if (debug) console.log("millrace:", ...said);
    };
    const safely =
      <Given extends unknown[]>(act: (...given: Given) => void) =>
      (...given: Given): void => {
        try {
          act(...given);
        } catch (error) {
          log(error);
        }
      };
    const device = openDevice(`millrace.${customerId || apiKey}.`);
    const queue = openQueue(`${apiUrl || ""}`.replace(/\/+$/, ""), apiKey, batchSize, flushInterval, device, log);
    let agreed: boolean | undefined = options?.consent !== false || undefined; // undefined: not yet asked
    let isOut = typeof document === "undefined" || !(customerId || apiKey); // and where opting out cannot be stored
    let visit: Visit | undefined;
    let url = "";
    let referrer = "";

    /** Whether events are collected. Looked at before anything is stored. */
    const isOn = (): boolean => {
      const { globalPrivacyControl, doNotTrack } = navigator as { globalPrivacyControl?: boolean; doNotTrack?: string | null };
      return !(agreed === false || isOut || globalPrivacyControl || doNotTrack === "1" || device._read(OPTED_OUT));
    };
    const keep = (): unknown => device._write(VISIT, JSON.stringify(visit));
    /** Read and write the browser's storage from now on, if that is allowed, and send what was held. */
    const enter = (): void => {
      if (!isOn() || !agreed) return;
      device._isOpen = !options.cookieless;
      if (visit) keep();
      queue._release();
    };
    const erase = (): void => {
      visit = undefined;
      queue._clear();
      device._clear();
      device._isOpen = false;
    };
    const event = (type: string, name?: string, properties: Properties = {}, userId?: string): void => {
      if (!isOn()) return;
      const now = Date.now();
      visit = visitAt(now, device, visit);
      if (userId) visit.u = userId;
      keep();
      const made = {
        event_id: newId(now),
        customer_id: customerId,
        visitor_id: visit.v,
        user_id: visit.u,
        session_id: visit.s,
        event_type: type,
        event_name: name,
        properties,
        page_url: location.href.slice(0, 8_192),
        referrer,
      };
      log(made);
      queue._add(made.event_id, JSON.stringify(made), !agreed);
    };

    this.page = safely((properties) => {
      if (url !== location.href) referrer = url || document.referrer;
      url = location.href;
      event("page_view", undefined, { page: location.pathname, title: document.title, ...properties });
    });
    this.track = safely((type, name, properties) =>
      typeof name === "object" ? event(type, undefined, name) : event(type, name, properties),
    );
    this.formSubmit = safely((form, properties) => event("form_submit", undefined, { form, ...properties }));
    this.identify = safely((userId, traits) => event("identify", undefined, traits, `${userId ?? ""}`));
    this.flush = async () => (attempt(() => isOn() && agreed && queue._flush()) as Promise<void>);
    this.reset = () => {
      visit = undefined;
      device._drop(VISIT);
    };
    this.optOut = () => {
      erase();
      isOut = true;
      device._write(OPTED_OUT, "1");
    };
    this.optIn = safely(() => {
      isOut = false;
      device._drop(OPTED_OUT);
      enter();
    });
    this.consent = safely((isGiven) => {
      agreed = isGiven;
      if (isGiven) enter();
      else erase();
    });

    safely(() => {
      if (isOut) return console.error("millrace: no customerId"); // or no page, where a framework renders on a server
      referrer = document.referrer;
      enter();
      watchElements(this.track);
      const look = options.autoTrackPageViews !== false && watchPages(this.page);
      addEventListener(
        "pagehide",
        safely(() => {
          if (look) look();
          if (isOn() && agreed) queue._leave();
        }),
      );
      document.addEventListener("visibilitychange", () => document.hidden && this.flush());
    })();
  }
}

export default AnalyticsTracker;
