// How to send a first event, from wherever.

export interface Snippet {
  name: string;
  said: string;
  text: string;
}

export function snippets(server: string, tenant: string, key: string | null): Snippet[] {
  const web = key ? `data-api-key="${key}"` : `data-customer-id="${tenant}"`;
  const bearer = key ? ` \\\n  -H 'Authorization: Bearer ${key}'` : "";
  const whose = key ? "" : `"customer_id": "${tenant}", `;
  const named = key ?? tenant;
  return [
    {
      name: "Web page",
      said: "Into the head of each page. Page views are sent by themselves; the rest with analytics.track.",
      text: `<script src="${server}/tracker.js" ${web} defer></script>

<script>
  addEventListener("load", () =>
    analytics.track("button_click", "Call to action", { button_id: "signup" }));
</script>`,
    },
    {
      name: "curl",
      said: "From any shell.",
      text: `curl -X POST ${server}/track${bearer} -d '{
  ${whose}"visitor_id": "visitor_123",
  "event_type": "page_view", "properties": {"page": "/", "title": "Home"}}'`,
    },
    {
      name: "Python",
      said: "pip install millrace-client, then make one client and keep it.",
      text: `from millrace_client import Millrace

millrace = Millrace("${server}", ${key ? `"${key}"` : `customer_id="${tenant}"`})
millrace.track("signup", {"plan": "pro"}, visitor_id="visitor_123")
millrace.flush()`,
    },
    {
      name: "PostHog",
      said: "PostHog's own SDKs, pointed here.",
      text: `import posthog from "posthog-js";

posthog.init("${named}", { api_host: "${server}" });
posthog.capture("signup", { plan: "pro" });`,
    },
    {
      name: "Segment",
      said: "Segment's own SDKs, pointed here.",
      text: `import { Analytics } from "@segment/analytics-node";

const analytics = new Analytics({ writeKey: "${named}", host: "${server}" });
analytics.track({ userId: "user_1", event: "signup", properties: { plan: "pro" } });`,
    },
  ];
}
