// One dashboard: looked at, refreshed, full screen; and edited by those who may.
import { useRef, useState } from "preact/hooks";
import * as dashboards from "../lib/dashboards";
import { type Draft, useDashboard } from "../lib/dashboard-saving";
import { arranged, firstFree } from "../lib/grid";
import { useTask } from "../lib/hooks";
import { change, go, linkTo, usePlace } from "../lib/place";
import { may, useTenant } from "../lib/session";
import { Empty, ErrorNote, Head, Waiting } from "../parts/basics";
import { Board } from "../parts/board";
import { Icon } from "../parts/icon";
import { AddWidget } from "./dashboard-adding";
import { Share } from "./dashboard-sharing";
import { FilterBar, opensAt, useFilters } from "./dashboard-filters";
import { everyOf, Refresh, useFullScreen } from "./dashboard-watching";
import { shownOf, SIZES, useWidgetTools, WidgetBody, WidgetCard } from "./dashboard-widgets";

type Saving = ReturnType<typeof useDashboard>;

export function OneDashboard({ id }: { id: string }) {
  const tenant = useTenant();
  const saving = useDashboard(tenant.customer_id, id);
  if (saving.loading.error && !saving.shown) {
    return (
      <>
        <Head title="Dashboard" />
        <div class="stack">
          <ErrorNote error={saving.loading.error} again={saving.loading.again} />
          <p>
            <a href={linkTo("dashboards")}>All dashboards</a>
          </p>
        </div>
      </>
    );
  }
  if (!saving.shown) return <Waiting what="Loading the dashboard" />;
  return <Opened dashboard={saving.shown} saving={saving} />;
}

function Opened({ dashboard, saving }: { dashboard: dashboards.Dashboard; saving: Saving }) {
  const tenant = useTenant();
  const { params } = usePlace();
  const mayChange = may(tenant, "query");
  const isEdited = mayChange && params.get("edit") === "1";
  const [tick, setTick] = useState(0);
  const [removed, setRemoved] = useState<dashboards.Widget | null>(null);
  const full = useFullScreen();
  const every = everyOf(params.get("refresh"));
  const looking = useFilters(dashboard.filters);
  const ask = useRef(dashboards.asking(tenant.customer_id, dashboard.id)).current;
  const add = (given: dashboards.NewWidget) => {
    const [width, height] = SIZES[given.type];
    const position = firstFree(dashboard.widgets, Math.min(width, dashboard.layout.columns), height, dashboard.layout.columns);
    saving.save({ widgets: [...dashboard.widgets, { ...given, id: dashboards.newId(), position }] });
  };
  const alter = (widget: dashboards.Widget) => saving.save({ widgets: dashboard.widgets.map((one) => (one.id === widget.id ? widget : one)) });
  const remove = (widget: dashboards.Widget) => {
    setRemoved(widget);
    saving.save({ widgets: dashboard.widgets.filter((one) => one.id !== widget.id) });
  };
  const bringBack = (widget: dashboards.Widget) => {
    setRemoved(null);
    saving.save({ widgets: arranged([...dashboard.widgets, widget], widget.id, widget.position) });
  };
  const body = (widget: dashboards.Widget) => <WidgetBody widget={shownOf(widget)} ask={ask} asked={saving.asked(widget)} of={{ filters: looking.filters }} holds={{ range: looking.filters.range !== undefined, where: looking.filters.where !== undefined }} every={every} tick={tick} />;
  return (
    <div class="dashboard" ref={full.place}>
      {isEdited ? <EditHead dashboard={dashboard} busy={saving.busy} onSave={saving.save} /> : <ShowHead dashboard={dashboard} mayChange={mayChange} full={full} onRefresh={() => setTick(tick + 1)} />}
      <FilterBar dashboard={dashboard} looking={looking} onKeep={mayChange ? (filters) => saving.save({ filters }) : undefined} />
      <div class="stack">
        {saving.error && <NotSaved saving={saving} />}
        {removed && isEdited && (
          <p class="note" role="status">
            <span>
              {removed.title || "The widget"} is removed.{" "}
              <button type="button" class="button quiet" onClick={() => bringBack(removed)}>
                Undo
              </button>
            </span>
          </p>
        )}
        {params.get("share") === "1" && mayChange && <Share dashboard={dashboard} onOffer={(guest_ranges) => saving.save({ guest_ranges })} />}
        {isEdited && <AddWidget onAdd={add} />}
        {dashboard.widgets.length === 0 && (
          <section class="card">
            <Empty icon="board" title="Nothing is on it yet">
              {isEdited ? "Add a number or a chart above, or save an answer of Explore, Funnels, Retention, Paths, Sessions, Ask or SQL to this dashboard." : mayChange ? "Edit it to add what you look at again and again." : "Whoever may ask questions can add to it."}
            </Empty>
          </section>
        )}
        <Board
          label={dashboard.name}
          columns={dashboard.layout.columns}
          items={dashboard.widgets}
          onArrange={isEdited ? (widgets) => saving.save({ widgets }) : undefined}
          show={(widget, handle) =>
            isEdited ? (
              <EditedWidget widget={widget} handle={handle} body={body(widget)} onChange={alter} onRemove={() => remove(widget)} />
            ) : (
              <WidgetCard widget={shownOf(widget)} opens={widget.config.opens && opensAt(widget.config.opens, looking.filters)} body={body(widget)} />
            )
          }
        />
      </div>
    </div>
  );
}

function EditedWidget(props: {
  widget: dashboards.Widget;
  handle: preact.ComponentChildren;
  body: preact.ComponentChildren;
  onChange: (widget: dashboards.Widget) => void;
  onRemove: () => void;
}) {
  const { tools, panel } = useWidgetTools(props.widget, props.onChange, props.onRemove);
  return <WidgetCard widget={shownOf(props.widget)} handle={props.handle} tools={tools} body={panel || props.body} />;
}

function ShowHead(props: { dashboard: dashboards.Dashboard; mayChange: boolean; full: ReturnType<typeof useFullScreen>; onRefresh: () => void }) {
  const { dashboard } = props;
  const { params } = usePlace();
  return (
    <>
      <Head title={dashboard.name}>
        <Refresh onRefresh={props.onRefresh} />
        <button type="button" class="button square" aria-label={props.full.isOn ? "Leave full screen" : "Full screen"} title="Full screen" onClick={props.full.toggle}>
          <Icon name="expand" size={15} />
        </button>
        {props.mayChange && !props.full.isOn && (
          <>
            <button type="button" class="button" aria-expanded={params.get("share") === "1"} onClick={() => change({ share: params.get("share") ? "" : "1" })}>
              <Icon name="share" size={15} />
              Share
            </button>
            <button type="button" class="button first" onClick={() => change({ edit: "1" })}>
              <Icon name="pencil" size={14} />
              Edit
            </button>
          </>
        )}
      </Head>
      {dashboard.description && <p class="board-said muted">{dashboard.description}</p>}
    </>
  );
}

function EditHead({ dashboard, busy, onSave }: { dashboard: dashboards.Dashboard; busy: boolean; onSave: (draft: Draft) => void }) {
  const { customer_id: tenant } = useTenant();
  const drop = useTask(async () => {
    await dashboards.drop(tenant, dashboard.id);
    go(linkTo("dashboards", { gone: dashboard.id, name: dashboard.name }));
  });
  const out = useTask(async () => handOut(await dashboards.exported(tenant, dashboard.id), dashboard.name));
  return (
    <>
      <Head title="Edit the dashboard">
        <span class="small muted" role="status">
          {busy ? "Saving…" : "Everything is saved"}
        </span>
        <button type="button" class="button" onClick={() => void out.start()}>
          <Icon name="download" size={15} />
          Export
        </button>
        <button type="button" class="button" onClick={() => void drop.start()}>
          <Icon name="trash" size={15} />
          Delete
        </button>
        <button type="button" class="button first" onClick={() => change({ edit: "" })}>
          Done
        </button>
      </Head>
      {(drop.error ?? out.error) && <ErrorNote error={(drop.error ?? out.error)!} />}
      <div class="row board-names">
        <input class="input" aria-label="Name of the dashboard" required maxLength={200} value={dashboard.name} onChange={(event) => event.currentTarget.value.trim() && onSave({ name: event.currentTarget.value.trim() })} />
        <input class="input" aria-label="Description" placeholder="What it is for" maxLength={2000} value={dashboard.description} onChange={(event) => onSave({ description: event.currentTarget.value })} />
      </div>
    </>
  );
}

function handOut(document_: unknown, name: string): void {
  const url = URL.createObjectURL(new Blob([JSON.stringify(document_, null, 2)], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = `${name.replace(/[^\w-]+/g, "-").toLowerCase() || "dashboard"}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** A change that could not be kept: by somebody else's, or for another reason. */
function NotSaved({ saving }: { saving: Saving }) {
  const error = saving.error!;
  if (error.code !== "dashboard_changed") return <ErrorNote error={error} again={saving.again} />;
  return (
    <div class="note warn" role="alert">
      <Icon name="alert" />
      <div>
        <p>
          <strong>{error.message}</strong>
        </p>
        <p class="row">
          <button type="button" class="button" onClick={saving.loading.again}>
            Show what is there now
          </button>
          <button type="button" class="button" onClick={saving.insist}>
            Keep mine
          </button>
        </p>
      </div>
    </div>
  );
}
