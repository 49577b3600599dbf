// What somebody wrote about an event or a property: shown, changed in its place, and taken back.
import { useState } from "preact/hooks";
import { path, put, remove } from "../lib/api";
import { date } from "../lib/format";
import { useTask } from "../lib/hooks";
import { useTenant } from "../lib/session";
import { ErrorNote } from "../parts/basics";
import { Done } from "../parts/dialog";

export type Kind = "event" | "property";

export interface Said {
  label: string;
  description: string;
  synonyms: string[];
}

export interface Written extends Said {
  kind: Kind;
  name: string;
  written_by: string;
  written_at: string;
}

interface Props {
  kind: Kind;
  name: string;
  /** As the schema tells it: the tenant's own words, else the platform's. */
  said: Said;
  /** The tenant's own, where there are any. */
  written: Written | undefined;
  onChanged: () => void;
}

const bare = ({ label, description, synonyms }: Said): Said => ({ label, description, synonyms });

export function Description({ kind, name, said, written, onChanged }: Props) {
  const { customer_id: id } = useTenant();
  const [isOpen, setOpen] = useState(false);
  // What was saved shows at once; the schema tells it a moment later.
  const [saved, setSaved] = useState<Said | null>(null);
  const [before, setBefore] = useState<{ said: Said | null } | null>(null);
  const address = path`api/v1/descriptions/${id}`;
  const write = async (next: Said | null) => {
    if (next) await put(address, { kind, name, ...next });
    else await remove(`${address}?${new URLSearchParams({ kind, name })}`);
    onChanged();
  };
  const saving = useTask(async (_, next: Said) => {
    setOpen(false);
    setSaved(next);
    try {
      await write(next);
      setBefore({ said: written ? bare(written) : null });
    } catch (error) {
      setSaved(null);
      setOpen(true);
      throw error;
    }
  });
  const undoing = useTask(async (_, kept: Said | null) => {
    await write(kept);
    setSaved(kept);
    setBefore(null);
  });
  const shown = saved ?? said;
  const error = saving.error ?? undoing.error;
  return (
    <div class="stack description">
      {error && <ErrorNote error={error} />}
      {isOpen ? (
        <Form kind={kind} name={name} said={shown} busy={saving.busy} onSave={(next) => void saving.start(next)} onClose={() => setOpen(false)} />
      ) : (
        <Shown kind={kind} name={name} said={shown} written={written} onOpen={() => setOpen(true)} />
      )}
      {before && (
        <Done onUndo={() => void undoing.start(before.said)} onClose={() => setBefore(null)}>
          Saved: the schema and plain language know it.
        </Done>
      )}
    </div>
  );
}

function Shown(props: { kind: Kind; name: string; said: Said; written: Written | undefined; onOpen: () => void }) {
  const { said, written } = props;
  const { time_zone: zone } = useTenant();
  const isEmpty = !said.label && !said.description && said.synonyms.length === 0;
  const what = isEmpty ? "Describe" : "Change";
  return (
    <div class="row apart">
      <div class="grows">
        {said.label && <p>{said.label}</p>}
        {said.description && <p class="muted wraps">{said.description}</p>}
        {said.synonyms.length > 0 && <p class="small muted">also called {said.synonyms.join(", ")}</p>}
        {isEmpty && <p class="small muted">Nobody has said what it is.</p>}
        {written && <p class="small muted">written {date(new Date(written.written_at), zone)}</p>}
      </div>
      <button type="button" class="button quiet" aria-label={`${what} the ${props.kind} ${props.name}`} onClick={props.onOpen}>
        {what}
      </button>
    </div>
  );
}

function Form(props: { kind: Kind; name: string; said: Said; busy: boolean; onSave: (said: Said) => void; onClose: () => void }) {
  const [label, setLabel] = useState(props.said.label);
  const [description, setDescription] = useState(props.said.description);
  const [synonyms, setSynonyms] = useState(props.said.synonyms.join(", "));
  const words = [...new Set(synonyms.split(",").map((one) => one.trim()).filter(Boolean))];
  return (
    <form
      class="stack form"
      aria-label={`What ${props.name} is`}
      onSubmit={(event) => {
        event.preventDefault();
        props.onSave({ label: label.trim(), description: description.trim(), synonyms: words });
      }}
    >
      <div class="fields">
        <label class="field">
          <span>What people call it</span>
          <input class="input" maxLength={100} value={label} onInput={(event) => setLabel(event.currentTarget.value)} />
        </label>
        <label class="field">
          <span>Other words for it, with commas between</span>
          <input class="input" value={synonyms} placeholder="order, sale" onInput={(event) => setSynonyms(event.currentTarget.value)} />
        </label>
      </div>
      <label class="field">
        <span>What it is</span>
        <textarea class="input" rows={2} maxLength={2000} value={description} onInput={(event) => setDescription(event.currentTarget.value)} />
      </label>
      <div class="row">
        <button class="button first" disabled={props.busy}>
          Save
        </button>
        <button type="button" class="button quiet" onClick={props.onClose}>
          Cancel
        </button>
      </div>
    </form>
  );
}
