import { useState } from "preact/hooks";
import { settle, settledOf, type Settled } from "../../lib/admin";
import { get, path } from "../../lib/api";
import { count } from "../../lib/format";
import { useLoaded, useTask } from "../../lib/hooks";
import { isOperator, useSession } from "../../lib/session";
import { Card, Code, ErrorNote } from "../../parts/basics";
import { Done } from "../../parts/dialog";
import { Administered, ForOwners } from "../../parts/owners";
import { Limits, Privacy, Zone } from "./tenant-forms";

const commandOf = (id: string) => `millrace tenant set ${id} --time-zone Europe/Vienna --retention-days 365 --deny properties.email`;

export function TenantSettings() {
  const { tenant } = useSession();
  const command = commandOf(tenant.customer_id);
  return (
    <div class="stack">
      <Card title={tenant.customer_id} said="What everybody who looks at it sees">
        <dl class="facts">
          <dt>Time zone</dt>
          <dd>{tenant.time_zone}: days, hours and every time on this page are those of it</dd>
          <dt>You may</dt>
          <dd>{tenant.rights.map((right) => RIGHTS[right]).join(", ")}</dd>
        </dl>
      </Card>
      <ForOwners what="Limits, retention and privacy rules" command={command}>
        <TenantForms command={command} />
      </ForOwners>
    </div>
  );
}

const RIGHTS = { view: "look", query: "ask in SQL", ingest: "send events", admin: "administer" } as const;

function TenantForms({ command }: { command: string }) {
  const session = useSession();
  const id = session.tenant.customer_id;
  const settled = useLoaded(`settled ${id}`, (signal) => settledOf(id, signal));
  // What was there before the last change, to take it back.
  const [before, setBefore] = useState<Partial<Settled> | null>(null);
  const saving = useTask(async (_, changed: Partial<Settled>, isUndo: boolean) => {
    const known = settled.data;
    await settle(id, changed);
    const names = Object.keys(changed) as (keyof Settled)[];
    setBefore(isUndo || !known ? null : (Object.fromEntries(names.map((name) => [name, known[name]])) as Partial<Settled>));
    settled.again();
    if ("time_zone" in changed) session.again();
  });
  const save = (changed: Partial<Settled>) => void saving.start(changed, false);
  return (
    <>
      {before && !saving.busy && (
        <Done onUndo={() => void saving.start(before, true)} onClose={() => setBefore(null)}>
          Saved. It holds for what is received some seconds from now.
        </Done>
      )}
      {saving.error && <ErrorNote error={saving.error} />}
      <Administered of={settled} command={command}>
        {(now) => {
          const given = { now, busy: saving.busy, onSave: save };
          return (
            <>
              <Zone key={`zone ${JSON.stringify(now.time_zone)}`} {...given} />
              <Privacy key={`privacy ${JSON.stringify([now.denied, now.hashed, now.signals])}`} {...given} />
              {isOperator(session) ? (
                <Limits key={`limits ${JSON.stringify([now.tier, now.events_a_minute, now.retention_days, now.event_days])}`} {...given} />
              ) : (
                <SettledLimits now={now} />
              )}
            </>
          );
        }}
      </Administered>
      <Busiest limit={settled.data?.limit ?? null} />
    </>
  );
}

/** What a tenant's own owner only reads. */
function SettledLimits({ now }: { now: Settled }) {
  const days = Object.entries(now.event_days);
  return (
    <Card title="Limits and retention" said="Settled by an administrator of all tenants: what you may send, and how long it is kept">
      <dl class="facts">
        <dt>Events a minute</dt>
        <dd>{now.limit === null ? "the server's limit for everyone" : count(now.limit)}</dd>
        <dt>Events are kept</dt>
        <dd>{now.retention_days === null ? "as long as the server keeps them" : `${count(now.retention_days)} days`}</dd>
        {days.length > 0 && <dt>Of these types</dt>}
        {days.length > 0 && <dd>{days.map(([type, number]) => `${type}: ${count(number)} days`).join(", ")}</dd>}
      </dl>
      <details class="more">
        <summary>How it is changed on the server</summary>
        <Code text={`millrace tenant set ${now.name} --retention-days 365 --events-a-minute 20000`} what="the command" />
      </details>
    </Card>
  );
}

interface Report {
  totals: { received: number; limited: number };
  minutes: { received: number }[];
}

/** How near the last day came to the limit. */
function Busiest({ limit }: { limit: number | null }) {
  const { tenant } = useSession();
  const id = tenant.customer_id;
  const report = useLoaded(`busiest ${id}`, (signal) => get<Report>(`${path`ingest/report/${id}`}?minutes=1440`, signal));
  if (!report.data) return null;
  const most = Math.max(0, ...report.data.minutes.map((one) => one.received));
  const { limited } = report.data.totals;
  return (
    <p class="small muted">
      The busiest minute of the last day had {count(most)} events
      {limit !== null && `, of ${count(limit)} that are taken`}. {limited > 0 ? `${count(limited)} were over the limit.` : "None was over a limit."}
    </p>
  );
}
