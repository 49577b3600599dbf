import { useState } from "preact/hooks";
import { keysOf, revokeKey, rotateKey, type Key, type MadeKey } from "../../lib/admin";
import { date, moment } from "../../lib/format";
import { useLoaded, useTask } from "../../lib/hooks";
import { change, linkTo, usePlace } from "../../lib/place";
import { useTenant } from "../../lib/session";
import { Card, Copy, Empty, ErrorNote, Select } from "../../parts/basics";
import { Confirm, Dialog } from "../../parts/dialog";
import { Icon } from "../../parts/icon";
import { Administered, ForOwners } from "../../parts/owners";
import { NewKeyForm } from "./new-key";

export function Keys() {
  const { customer_id: id } = useTenant();
  const command = `millrace key create ${id} --name "web"`;
  return (
    <ForOwners what="Keys" command={command}>
      <KeyList command={command} />
    </ForOwners>
  );
}

const nameOf = (key: Key) => key.name || key.shown;
const hasEnded = (key: Key) => key.revoked_at !== null || (key.expires_at !== null && Date.parse(key.expires_at) <= Date.now());

function KeyList({ command }: { command: string }) {
  const { customer_id: id } = useTenant();
  const { params } = usePlace();
  const keys = useLoaded(`keys ${id}`, (signal) => keysOf(id, signal), 30_000);
  const [made, setMade] = useState<MadeKey | null>(null);
  const [asked, setAsked] = useState<{ what: "rotate" | "revoke"; key: Key } | null>(null);
  const isMaking = params.get("new") === "1";
  const showsEnded = params.get("ended") === "1";
  const onMade = (key: MadeKey) => {
    setMade(key);
    setAsked(null);
    keys.again();
    if (isMaking) change({ new: undefined }, "replace");
  };
  const make = (
    <button type="button" class="button first" aria-expanded={isMaking} onClick={() => change({ new: isMaking ? undefined : "1" })}>
      <Icon name="plus" size={15} />
      New key
    </button>
  );
  return (
    <div class="stack">
      {made && <Made made={made} onClose={() => setMade(null)} />}
      {isMaking && <NewKeyForm onMade={onMade} onClose={() => change({ new: undefined })} />}
      <Card title="Keys" said="A key says whose data it is about, and what may be done with it. Its secret is shown once, when it is made" aside={make} flush>
        <Administered of={keys} command={command}>
          {(all) => {
            const shown = all.filter((key) => showsEnded || !hasEnded(key)).reverse();
            const ended = all.filter(hasEnded).length;
            return (
              <>
                {shown.length === 0 && (
                  <Empty icon="key" title="No key works here yet">
                    Make a write key for pages and applications that send events, or a secret key for servers that ask.
                  </Empty>
                )}
                {shown.length > 0 && <Table keys={shown} onAsk={(what, key) => setAsked({ what, key })} />}
                {ended > 0 && (
                  <p class="foot-note">
                    <label class="check">
                      <input type="checkbox" checked={showsEnded} onChange={() => change({ ended: showsEnded ? undefined : "1" }, "replace")} />
                      Show {ended} that {ended === 1 ? "has" : "have"} ended
                    </label>
                  </p>
                )}
              </>
            );
          }}
        </Administered>
      </Card>
      {asked?.what === "rotate" && <Rotate of={asked.key} onMade={onMade} onClose={() => setAsked(null)} />}
      {asked?.what === "revoke" && (
        <Revoke
          of={asked.key}
          onClose={() => setAsked(null)}
          onDone={() => {
            setAsked(null);
            keys.again();
          }}
        />
      )}
    </div>
  );
}

function Made({ made, onClose }: { made: MadeKey; onClose: () => void }) {
  return (
    <Card
      title={`${nameOf(made)} is made`}
      said="Copy it now: it is shown this once, and only its hash is kept"
      class="made"
      aside={
        <button type="button" class="button" onClick={onClose}>
          I have it
        </button>
      }
    >
      <div class="stack">
        <div class="row key" role="status">
          <code>{made.key}</code>
          <Copy text={made.key} what="the key" />
        </div>
        {made.kind === "write" && (
          <p class="small muted">
            Where it goes is told in <a href={linkTo("start")}>Get started</a>.
          </p>
        )}
      </div>
    </Card>
  );
}

function State({ of: key }: { of: Key }) {
  const { time_zone: zone } = useTenant();
  if (key.revoked_at) return <span class="badge bad">revoked {date(new Date(key.revoked_at), zone)}</span>;
  if (key.expires_at && hasEnded(key)) return <span class="badge">ended {date(new Date(key.expires_at), zone)}</span>;
  if (key.replaced_by) return <span class="badge warn">replaced, works until {moment(new Date(key.expires_at!), zone)}</span>;
  if (key.expires_at) return <span class="badge">until {date(new Date(key.expires_at), zone)}</span>;
  return <span class="badge good">works</span>;
}

function Table({ keys, onAsk }: { keys: Key[]; onAsk: (what: "rotate" | "revoke", key: Key) => void }) {
  const { time_zone: zone } = useTenant();
  return (
    <ul class="lines" aria-label="Keys">
      {keys.map((key) => (
        <li key={key.id} class="line">
          <div class="grows">
            <p class="row">
              <strong>{key.name || "Without a name"}</strong>
              <span class={`badge ${key.kind === "write" ? "accent" : ""}`}>{key.kind === "write" ? "write key" : `secret: ${key.scopes.join(", ")}`}</span>
              <State of={key} />
            </p>
            <p class="small muted">
              <code>{key.shown}</code> · made {date(new Date(key.created_at), zone)} ·{" "}
              {key.last_used_at ? `used last ${moment(new Date(key.last_used_at), zone)}` : "never used"}
              {key.origins.length > 0 && ` · only from ${key.origins.join(", ")}`}
            </p>
          </div>
          {!hasEnded(key) && (
            <div class="row">
              {!key.replaced_by && (
                <button type="button" class="button" aria-label={`Rotate ${nameOf(key)}`} onClick={() => onAsk("rotate", key)}>
                  Rotate
                </button>
              )}
              <button type="button" class="button" aria-label={`Revoke ${nameOf(key)}`} onClick={() => onAsk("revoke", key)}>
                Revoke
              </button>
            </div>
          )}
        </li>
      ))}
    </ul>
  );
}

const OVERLAPS = [
  ["0", "at once"],
  ["1", "in an hour"],
  ["24", "in a day"],
  ["168", "in a week"],
] as const;

function Rotate({ of: key, onMade, onClose }: { of: Key; onMade: (made: MadeKey) => void; onClose: () => void }) {
  const [hours, setHours] = useState<(typeof OVERLAPS)[number][0]>("24");
  const rotating = useTask(async () => onMade(await rotateKey(key.id, Number(hours))));
  return (
    <Dialog title={`Rotate ${nameOf(key)}`} onClose={onClose}>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void rotating.start();
        }}
      >
        <p>Another key of the same kind takes its place. Both work until the old one ends.</p>
        <Select label="The old one ends" value={hours} options={OVERLAPS} onChange={setHours} />
        {rotating.error && <ErrorNote error={rotating.error} />}
        <div class="row ends">
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
          <button class="button first" disabled={rotating.busy}>
            Make the new key
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function Revoke({ of: key, onDone, onClose }: { of: Key; onDone: () => void; onClose: () => void }) {
  const revoking = useTask(async () => {
    await revokeKey(key.id);
    onDone();
  });
  return (
    <Confirm title={`Revoke ${nameOf(key)}`} action="Revoke" busy={revoking.busy} error={revoking.error} onConfirm={() => void revoking.start()} onClose={onClose}>
      <p>
        Whatever uses <code>{key.shown}</code> is refused everywhere within five seconds. A revoked key never works again; rotating
        leaves time to change it.
      </p>
    </Confirm>
  );
}
