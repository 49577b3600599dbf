// "Save to dashboard": what a view shows, as a widget of a dashboard that is there or a new one.
import { useState } from "preact/hooks";
import * as dashboards from "../lib/dashboards";
import { useLoaded, useTask } from "../lib/hooks";
import { linkTo } from "../lib/place";
import { may, useTenant } from "../lib/session";
import { ErrorNote, Select } from "./basics";
import { Icon } from "./icon";

export interface Choice {
  /** How it is shown, where there are several ways. */
  name: string;
  type: dashboards.WidgetType;
  config: dashboards.Config;
}

const NEW = "";

export function SaveToDashboard({ title, choices }: { title: string; choices: readonly Choice[] }) {
  const tenant = useTenant();
  const [isOpen, setOpen] = useState(false);
  if (!may(tenant, "query") || choices.length === 0) return null;
  return (
    <div class="save-to">
      <button type="button" class="button" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        <Icon name="board" size={15} />
        Save to dashboard
      </button>
      {isOpen && <Form title={title} choices={choices} onClose={() => setOpen(false)} />}
    </div>
  );
}

function Form({ title, choices, onClose }: { title: string; choices: readonly Choice[]; onClose: () => void }) {
  const { customer_id: tenant } = useTenant();
  const list = useLoaded(`dashboards ${tenant}`, (signal) => dashboards.listed(tenant, signal));
  const [chosen, setChosen] = useState<string | null>(null);
  const [called, setCalled] = useState(title);
  const [fresh, setFresh] = useState("My dashboard");
  const [shape, setShape] = useState(choices[0]!.name);
  const [done, setDone] = useState<{ id: string; name: string } | null>(null);
  const where = chosen ?? list.data?.[0]?.id ?? NEW;
  const save = useTask(async () => {
    const { type, config } = choices.find((one) => one.name === shape) ?? choices[0]!;
    const widget = { type, title: called.trim(), config: { ...config, opens: dashboards.opensHere() } };
    if (where === NEW) return setDone(await dashboards.create(tenant, { name: fresh.trim(), widgets: [widget] }));
    const now = await dashboards.read(tenant, where);
    setDone(await dashboards.change(tenant, where, { widgets: [...now.widgets, widget] }, now.version));
  });
  if (done) {
    return (
      <div class="pop card" role="status">
        <p>
          It is on <a href={linkTo("dashboards", { id: done.id })}>{done.name}</a>.
        </p>
        <button type="button" class="button" onClick={onClose}>
          Close
        </button>
      </div>
    );
  }
  return (
    <form
      class="pop card stack"
      aria-label="Save to dashboard"
      onSubmit={(event) => {
        event.preventDefault();
        void save.start();
      }}
      onKeyDown={(event) => event.key === "Escape" && onClose()}
    >
      <Select
        label="Dashboard"
        value={where}
        options={[...(list.data ?? []).map((line) => [line.id, line.name] as const), [NEW, "A new one…"]]}
        onChange={setChosen}
      />
      {where === NEW && (
        <label class="field">
          <span>Its name</span>
          <input class="input" required maxLength={200} value={fresh} onInput={(event) => setFresh(event.currentTarget.value)} />
        </label>
      )}
      <label class="field">
        <span>Title</span>
        <input class="input" maxLength={200} value={called} onInput={(event) => setCalled(event.currentTarget.value)} />
      </label>
      {choices.length > 1 && <Select label="Shown as" value={shape} options={choices.map((one) => [one.name, one.name] as const)} onChange={setShape} />}
      {(save.error ?? list.error) && <ErrorNote error={(save.error ?? list.error)!} />}
      <div class="row">
        <button class="button first" disabled={save.busy || list.data === null}>
          Save
        </button>
        <button type="button" class="button" onClick={onClose}>
          Cancel
        </button>
      </div>
    </form>
  );
}
