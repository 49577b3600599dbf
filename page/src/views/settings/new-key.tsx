import { useState } from "preact/hooks";
import { makeKey, type Key, type MadeKey, type Scope } from "../../lib/admin";
import { useTask } from "../../lib/hooks";
import { useTenant } from "../../lib/session";
import { Card, ErrorNote, Segments, Select } from "../../parts/basics";

const KINDS = [
  ["write", "Write key"],
  ["secret", "Secret key"],
] as const;
const SCOPES: readonly (readonly [Scope, string])[] = [
  ["ingest", "send events"],
  ["query", "ask in SQL, look at dashboards and streams"],
  ["admin", "all of it, and administer the tenant"],
];
const ENDS = [
  ["", "never"],
  ["30", "in 30 days"],
  ["90", "in 90 days"],
  ["365", "in a year"],
] as const;

const linesOf = (text: string) => text.split(/[\s,]+/).filter(Boolean);

export function NewKeyForm({ onMade, onClose }: { onMade: (made: MadeKey) => void; onClose: () => void }) {
  const { customer_id: tenant } = useTenant();
  const [kind, setKind] = useState<Key["kind"]>("write");
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<readonly Scope[]>(["query"]);
  const [origins, setOrigins] = useState("");
  const [ends, setEnds] = useState<(typeof ENDS)[number][0]>("");
  const making = useTask(async () => {
    const special = kind === "write" ? { origins: linesOf(origins) } : { scopes: [...scopes] };
    onMade(await makeKey({ tenant, kind, name: name.trim(), ...special, ...(ends && { expires_days: Number(ends) }) }));
  });
  return (
    <Card
      title={`A new key for ${tenant}`}
      said={kind === "write" ? "It stands in pages and applications, and may send events and nothing else" : "For servers: nobody who should not have it may see it"}
      aside={<Segments label="Kind" value={kind} options={KINDS} onChange={setKind} />}
    >
      <form
        class="stack form"
        onSubmit={(event) => {
          event.preventDefault();
          void making.start();
        }}
      >
        <div class="fields">
          <label class="field">
            <span>Name</span>
            <input class="input" maxLength={128} value={name} placeholder={kind === "write" ? "web shop" : "reports"} onInput={(event) => setName(event.currentTarget.value)} />
          </label>
          <Select label="It ends" value={ends} options={ENDS} onChange={setEnds} />
        </div>
        {kind === "write" ? (
          <label class="field">
            <span>Only from these pages (none: from anywhere)</span>
            <textarea
              class="input"
              rows={2}
              spellcheck={false}
              placeholder="https://shop.example.com"
              value={origins}
              onInput={(event) => setOrigins(event.currentTarget.value)}
            />
          </label>
        ) : (
          <fieldset class="checks">
            <legend class="label">It may</legend>
            {SCOPES.map(([scope, what]) => (
              <label key={scope} class="check">
                <input
                  type="checkbox"
                  checked={scopes.includes(scope)}
                  onChange={() => setScopes(scopes.includes(scope) ? scopes.filter((one) => one !== scope) : [...scopes, scope])}
                />
                <span>
                  <b>{scope}</b>: {what}
                </span>
              </label>
            ))}
          </fieldset>
        )}
        {making.error && <ErrorNote error={making.error} />}
        <div class="row">
          <button class="button first" disabled={making.busy || (kind === "secret" && scopes.length === 0)}>
            Make the key
          </button>
          <button type="button" class="button quiet" onClick={onClose}>
            Cancel
          </button>
        </div>
      </form>
    </Card>
  );
}
