import { AnalyticsTracker, type TrackerOptions } from "./tracker.js";

declare global {
  interface Window {
    AnalyticsTracker: typeof AnalyticsTracker;
    /** Made by the script's own tag where that says whose events they are. */
    analytics?: AnalyticsTracker;
  }
}

window.AnalyticsTracker = AnalyticsTracker;

// <script src="…/tracker.js" data-customer-id="demo" defer></script> is the whole installation.
const tag = document.currentScript as HTMLScriptElement | null;
if (tag?.dataset["customerId"] || tag?.dataset["apiKey"]) {
  const given = Object.entries(tag.dataset).map(([name, value]) => [name, value === "false" ? false : value]);
  window.analytics = new AnalyticsTracker({ apiUrl: tag.src.replace(/\/[^/]*$/, ""), ...(Object.fromEntries(given) as TrackerOptions) });
}
