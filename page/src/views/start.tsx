import { useState } from "preact/hooks";
import { makeKey, settle } from "../lib/admin";
import { serverAddress } from "../lib/api";
import { useTask } from "../lib/hooks";
import { change, linkTo, usePlace } from "../lib/place";
import { isOperator, may, useSession } from "../lib/session";
import { ZONES } from "../lib/zones";
import { Card, Code, Copy, ErrorNote, Head, Segments } from "../parts/basics";
import { Icon } from "../parts/icon";
import { Elsewhere, isElsewhere } from "../parts/owners";
import { Suggest } from "../parts/pickers";
import { snippets } from "./snippets";
import { useVerdicts, VerdictList } from "./verdicts";

export function Start() {
  const session = useSession();
  const { params } = usePlace();
  const [key, setKey] = useState<string | null>(null);
  const id = session.tenant.customer_id;
  const needsKey = session.auth === "required";
  // Whoever administers every tenant, and has none yet, names one first.
  const needsName = needsKey && isOperator(session) && !session.tenants.some((one) => one.customer_id === id);
  const steps = [needsName && "name", needsKey && "key", "send", "see"].filter(Boolean);
  const titled = (step: string, title: string) => `${steps.indexOf(step) + 1}. ${title}`;
  const all = snippets(serverAddress(), id, needsKey ? (key ?? "mrw_your_write_key") : null);
  const chosen = all.find((one) => one.name === params.get("with")) ?? all[0]!;
  return (
    <>
      <Head title="Get started" />
      <ol class="stack start">
        {needsName && (
          <li>
            <NameTenant title={titled("name", "Name what the events are about")} suggested={id} />
          </li>
        )}
        {needsKey && (
          <li>
            <WriteKey title={titled("key", "Make a write key")} isNext={!needsName} tenant={id} made={key} onMade={setKey} />
          </li>
        )}
        <li>
          <Card title={titled("send", "Send an event")} said={chosen.said}>
            <div class="stack">
              <div class="scroll">
                <Segments label="From" value={chosen.name} options={all.map((one) => [one.name, one.name] as const)} onChange={(name) => change({ with: name }, "replace")} />
              </div>
              <Code text={chosen.text} what={`the snippet for ${chosen.name}`} />
            </div>
          </Card>
        </li>
        <li>
          <FirstEvent title={titled("see", "See it arrive")} />
        </li>
        {(!needsKey || key !== null) && (
          <li>
            <Card title="Or look around with a demo" said="A shop with a week of visitors, and live ones for as long as it runs">
              <Code text={demoOf(id, key)} what="the command of the demo" />
            </Card>
          </li>
        )}
      </ol>
    </>
  );
}

/** Where keys are asked for there are limits, too: a smaller week is through at once. */
function demoOf(tenant: string, key: string | null): string {
  const whose = tenant === "demo_tenant" ? "" : ` --customer ${tenant}`;
  return `.venv/bin/millrace demo --url ${serverAddress()}${whose}${key ? ` --key ${key} --events-per-day 1000` : ""}`;
}

const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** A tenant of its own: a name, and whose days are its days. */
function NameTenant({ title, suggested }: { title: string; suggested: string }) {
  const session = useSession();
  const [name, setName] = useState(suggested);
  const [zone, setZone] = useState(ZONE);
  const naming = useTask(async () => {
    await settle(name, { time_zone: zone });
    if (name === suggested) session.again();
    else change({ tenant: name });
  });
  return (
    <Card title={title} said="A shop, an application, a customer: a tenant's events, keys and people are apart from all others">
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void naming.start();
        }}
      >
        <div class="fields">
          <label class="field">
            <span>Name</span>
            <input
              class="input"
              required
              pattern="[A-Za-z0-9_\-][A-Za-z0-9_.\-]{0,63}"
              title="Letters, digits, _ . and -"
              autocomplete="off"
              spellcheck={false}
              value={name}
              onInput={(event) => setName(event.currentTarget.value)}
            />
          </label>
          <Suggest label="Time zone: whose days are its days" value={zone} options={ZONES} onChange={setZone} />
        </div>
        {naming.error && (isElsewhere(naming.error) ? <Elsewhere command={`millrace tenant set ${name} --time-zone ${zone}`} /> : <ErrorNote error={naming.error} />)}
        <div>
          <button class="button first" disabled={naming.busy}>
            Create the tenant
          </button>
        </div>
      </form>
    </Card>
  );
}

function WriteKey(props: { title: string; isNext: boolean; tenant: string; made: string | null; onMade: (key: string) => void }) {
  const { title, tenant, made, onMade } = props;
  const session = useSession();
  const making = useTask(async () => {
    onMade((await makeKey({ tenant, kind: "write", name: "made on the page" })).key);
  });
  return (
    <Card title={title} said="It stands in pages and applications, and may send events and nothing else">
      {made ? (
        <div class="stack">
          <div class="row key">
            <code>{made}</code>
            <Copy text={made} what="the key" />
          </div>
          <p class="small muted">
            It is shown now and never again; it is in the snippets below. All keys: <a href={linkTo("settings", { part: "keys" })}>Settings, Keys</a>.
          </p>
        </div>
      ) : may(session.tenant, "admin") && !isElsewhere(making.error) ? (
        <div class="stack">
          <div>
            <button type="button" class={props.isNext ? "button first" : "button"} disabled={making.busy} onClick={() => void making.start()}>
              <Icon name="plus" size={15} />
              Make a key for {tenant}
            </button>
          </div>
          {making.error && <ErrorNote error={making.error} />}
        </div>
      ) : (
        <div class="stack">
          <p class="muted">{isElsewhere(making.error) ? "This process does not administer keys; on the server:" : "An owner makes keys, here or on the server:"}</p>
          <Code text={`millrace key create ${tenant} --name "web"`} what="the command" />
        </div>
      )}
    </Card>
  );
}

function FirstEvent({ title }: { title: string }) {
  const { verdicts, state } = useVerdicts(true);
  const hasArrived = verdicts.some((one) => one.outcome === "accepted");
  return (
    <Card
      title={title}
      said="Whatever is sent for this tenant shows here at once, also what is refused and why"
      flush={verdicts.length > 0}
      aside={
        hasArrived && (
          <a class="button first" href={linkTo("live")}>
            Look at it live
            <Icon name="arrow" size={15} />
          </a>
        )
      }
    >
      {verdicts.length > 0 ? (
        <VerdictList verdicts={verdicts} />
      ) : (
        <p class="row waiting" role="status">
          <span class="badge accent">
            <i class="dot beats" />
            {state === "open" ? "Waiting for an event" : "Connecting"}
          </span>
        </p>
      )}
    </Card>
  );
}
