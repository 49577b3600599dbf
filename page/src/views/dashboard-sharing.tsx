// Links for others to a dashboard: made, listed and ended.
import { useState } from "preact/hooks";
import { addressOf } from "../lib/api";
import * as dashboards from "../lib/dashboards";
import { byId, moment } from "../lib/format";
import { useLoaded, useTask } from "../lib/hooks";
import { type Range, RANGES } from "../lib/ranges";
import { useTenant } from "../lib/session";
import { Card, Code, ErrorNote, Select, Waiting } from "../parts/basics";

const DAY_MS = 86_400_000;
const TIMES = [
  ["7", "For a week"],
  ["1", "For a day"],
  ["30", "For 30 days"],
  ["", "Until it is ended"],
] as const;

type Days = (typeof TIMES)[number][0];

export function Share({ dashboard, onOffer }: { dashboard: dashboards.Dashboard; onOffer: (ranges: Range[]) => void }) {
  const { id, guest_ranges: offered } = dashboard;
  const tenant = useTenant();
  const whose = tenant.customer_id;
  const list = useLoaded(`links ${id}`, (signal) => dashboards.links(whose, id, signal));
  const [label, setLabel] = useState("");
  const [days, setDays] = useState<Days>("7");
  const [made, setMade] = useState<string | null>(null);
  const make = useTask(async () => {
    const expires_at = days ? new Date(Date.now() + Number(days) * DAY_MS).toISOString() : undefined;
    const told = await dashboards.share(whose, id, { label: label.trim(), ...(expires_at && { expires_at }) });
    setMade(addressOf(".") + told.place);
    setLabel("");
    list.again();
  });
  const end = useTask(async (_, link: string) => {
    await dashboards.endLink(whose, id, link);
    list.again();
  });
  const error = list.error ?? make.error ?? end.error;
  return (
    <Card title="Share by link" said="Whoever has a link sees this dashboard and its values, without signing in, and nothing else. It shows what the dashboard is at that moment.">
      <div class="stack">
        {error && <ErrorNote error={error} />}
        <form
          class="row share-form"
          onSubmit={(event) => {
            event.preventDefault();
            void make.start();
          }}
        >
          <input class="input" aria-label="Whom the link is for" placeholder="Whom it is for" maxLength={200} value={label} onInput={(event) => setLabel(event.currentTarget.value)} />
          <Select hidden label="How long it works" class="fit" value={days} options={TIMES} onChange={setDays} />
          <button class="button first" disabled={make.busy}>
            Make a link
          </button>
        </form>
        <label class="check">
          <input type="checkbox" checked={offered.length > 0} onChange={(event) => onOffer(event.currentTarget.checked ? RANGES.map(([, , range]) => range) : [])} />
          Whoever has a link may look at other times, too: an hour to twelve months back
        </label>
        {made && (
          <div role="status">
            <p class="small muted">This is the link. It is shown this once.</p>
            <Code text={made} what="the link" />
          </div>
        )}
        {list.busy && !list.data && <Waiting what="Loading the links" />}
        {list.data && list.data.length > 0 && (
          <ul class="share-links" aria-label="Links">
            {list.data.map((link) => (
              <li key={link.id} class="row apart">
                <span>
                  {link.label || "Without a name"}{" "}
                  <small class="muted">
                    <code>{link.shown}…</code> by {byId(link.created_by)}, {overAt(link, tenant.time_zone)}
                  </small>
                </span>
                <button type="button" class="button quiet" aria-label={`End the link for ${link.label || "somebody without a name"}`} disabled={end.busy} onClick={() => void end.start(link.id)}>
                  End
                </button>
              </li>
            ))}
          </ul>
        )}
      </div>
    </Card>
  );
}

function overAt(link: dashboards.Link, zone: string): string {
  if (!link.expires_at) return "until it is ended";
  const at = new Date(link.expires_at);
  return `${at.getTime() < Date.now() ? "over since" : "until"} ${moment(at, zone)}`;
}
