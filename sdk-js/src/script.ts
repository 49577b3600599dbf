import { AnalyticsTracker } from "./tracker.js";

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
  const given: Record<string, unknown> = { apiUrl: tag.src.replace(/\/[^/]*$/, "") };
  for (const name in tag.dataset) given[name] = tag.dataset[name] === "false" ? false : tag.dataset[name] || true;
  window.analytics = new AnalyticsTracker(given);
}
