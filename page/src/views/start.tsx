import { useState } from "preact/hooks";
import { ApiError, post, serverAddress } from "../lib/api";
import { useTask } from "../lib/hooks";
import { change, linkTo, usePlace } from "../lib/place";
import { may, useSession } from "../lib/session";
import { Card, Code, Copy, ErrorNote, Head, Segments } from "../parts/basics";
import { Icon } from "../parts/icon";
import { snippets } from "./snippets";
import { useVerdicts, VerdictList } from "./verdicts";

export function Start() {
  const session = useSession();
  const { params } = usePlace();
  const [key, setKey] = useState<string | null>(null);
  const id = session.tenant.customer_id;
  const needsKey = session.auth === "required";
  const all = snippets(serverAddress(), id, needsKey ? (key ?? "mrw_your_write_key") : null);
  const chosen = all.find((one) => one.name === params.get("with")) ?? all[0]!;
  return (
    <>
      <Head title="Get started" />
      <ol class="stack start">
        {needsKey && (
          <li>
            <WriteKey tenant={id} made={key} onMade={setKey} />
          </li>
        )}
        <li>
          <Card title={needsKey ? "2. Send an event" : "1. Send an event"} said={chosen.said}>
            <div class="stack">
              <div class="scroll">
                <Segments label="From" value={chosen.name} options={all.map((one) => [one.name, one.name] as const)} onChange={(name) => change({ with: name }, "replace")} />
              </div>
              <Code text={chosen.text} what={`the snippet for ${chosen.name}`} />
            </div>
          </Card>
        </li>
        <li>
          <FirstEvent title={needsKey ? "3. See it arrive" : "2. See it arrive"} />
        </li>
        {!needsKey && id === "demo_tenant" && (
          <li>
            <Card title="Or look around with a demo" said="A shop with a week of visitors, and live ones for as long as it runs">
              <Code text={`.venv/bin/millrace demo --url ${serverAddress()}`} what="the command of the demo" />
            </Card>
          </li>
        )}
      </ol>
    </>
  );
}

function WriteKey({ tenant, made, onMade }: { tenant: string; made: string | null; onMade: (key: string) => void }) {
  const session = useSession();
  const making = useTask(async () => {
    const answer = await post<{ key: string }>("admin/v1/keys", { tenant, kind: "write", name: "made on the page" });
    onMade(answer.key);
  });
  const isElsewhere = making.error instanceof ApiError && making.error.status === 404;
  return (
    <Card title="1. Make a write key" said="It stands in pages and applications, and may send events and nothing else">
      {made ? (
        <div class="stack">
          <div class="row key">
            <code>{made}</code>
            <Copy text={made} what="the key" />
          </div>
          <p class="small muted">It is shown now and never again; it is in the snippets below.</p>
        </div>
      ) : may(session.tenant, "admin") && !isElsewhere ? (
        <div class="stack">
          <div>
            <button type="button" class="button first" disabled={making.busy} onClick={() => void making.start()}>
              <Icon name="plus" size={15} />
              Make a key for {tenant}
            </button>
          </div>
          {making.error && <ErrorNote error={making.error} />}
        </div>
      ) : (
        <div class="stack">
          <p class="muted">{isElsewhere ? "This process does not administer keys; on the server:" : "An owner makes keys, here or on the server:"}</p>
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
