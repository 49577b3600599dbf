import { changesOf, peopleOf, type Change } from "../../lib/admin";
import { moment } from "../../lib/format";
import { useLoaded } from "../../lib/hooks";
import { change, usePlace } from "../../lib/place";
import { isOperator, useSession, useTenant } from "../../lib/session";
import { Card, Empty } from "../../parts/basics";
import { Administered, ForOwners } from "../../parts/owners";
import { Suggest } from "../../parts/pickers";

const PAGE = 50;
const ACTIONS = [
  "key_created",
  "key_rotated",
  "key_revoked",
  "user_created",
  "roles_changed",
  "password_set",
  "user_disabled",
  "tenant_changed",
  "tenant_removed",
  "statement_saved",
  "statement_removed",
  "description_changed",
  "description_removed",
  "segment_saved",
  "segment_removed",
  "person_exported",
  "erasure_begun",
  "erasure_finished",
].map((value) => ({ value, label: value.replaceAll("_", " ") }));

export function TrailOfChanges() {
  const { customer_id: id } = useTenant();
  const command = `millrace changes --tenant ${id}`;
  return (
    <ForOwners what="Lines of the trail" command={command}>
      <Trail command={command} />
    </ForOwners>
  );
}

function Trail({ command }: { command: string }) {
  const session = useSession();
  const id = session.tenant.customer_id;
  const { params } = usePlace();
  const action = params.get("action") ?? "";
  const text = params.get("text") ?? "";
  const after = Number(params.get("after") ?? 0) || 0;
  const people = useLoaded(`names ${id}`, (signal) => peopleOf(id, isOperator(session), signal));
  // One more than is shown says whether there is another page.
  const found = useLoaded(`trail ${id} ${action} ${text} ${after}`, (signal) => changesOf(id, { action, text, after, limit: PAGE + 1 }, signal));
  const emails = new Map(people.data?.map((one) => [`user:${one.id}`, one.email]));
  return (
    <div class="stack">
      <Card title="Trail" said="Who changed what, and when. Nothing removes a line of it" flush>
        <div class="tools">
          <Suggest hidden label="What was done" placeholder="Anything" value={action} options={ACTIONS} onChange={(next) => change({ action: next, after: undefined })} />
          <Suggest hidden label="Who, or to what" placeholder="Who, or to what" value={text} options={[]} onChange={(next) => change({ text: next, after: undefined })} />
        </div>
        <Administered of={found} command={command}>
          {(all) => (
            <>
              {all.length === 0 && (
                <Empty icon="history" title={action || text ? "No line fits" : "Nothing was changed yet"}>
                  {action || text ? "Take a filter away." : "Keys, people, settings, saved statements and segments are told here."}
                </Empty>
              )}
              {all.length > 0 && <Lines changes={all.slice(0, PAGE)} emails={emails} />}
              <div class="row ends foot-note">
                {after > 0 && (
                  <button type="button" class="button" onClick={() => change({ after: undefined })}>
                    Newest
                  </button>
                )}
                {all.length > PAGE && (
                  <button type="button" class="button" onClick={() => change({ after: String(all[PAGE - 1]!.id) })}>
                    Older
                  </button>
                )}
              </div>
            </>
          )}
        </Administered>
      </Card>
    </div>
  );
}

function Lines({ changes, emails }: { changes: Change[]; emails: Map<string, string> }) {
  const { time_zone: zone } = useTenant();
  const whoAndWhen = (one: Change) => `${moment(new Date(one.at), zone)} · ${emails.get(one.actor) ?? one.actor}`;
  return (
    <ul class="lines" aria-label="Changes">
      {changes.map((one) => (
        <li key={one.id} class="line">
          <div class="grows">
            <p class="row">
              <strong>{one.action.replaceAll("_", " ")}</strong>
              <span class="wraps">{subjectOf(one)}</span>
            </p>
            {Object.keys(one.detail).length === 0 && <p class="small muted">{whoAndWhen(one)}</p>}
            {Object.keys(one.detail).length > 0 && (
              <details class="more">
                <summary>{whoAndWhen(one)}</summary>
                <dl class="facts">
                  {Object.entries(one.detail).map(([name, value]) => [
                    <dt key={name}>{name.replaceAll("_", " ")}</dt>,
                    <dd key={`${name}.`}>
                      <code>{typeof value === "string" ? value : JSON.stringify(value)}</code>
                    </dd>,
                  ])}
                </dl>
              </details>
            )}
          </div>
        </li>
      ))}
    </ul>
  );
}

/** What it was done to, as people know it. */
function subjectOf(one: Change): string {
  const { name, shown } = one.detail;
  if (one.action.startsWith("key_")) return [name, shown ?? one.subject].filter(Boolean).join(" · ");
  return one.subject;
}
