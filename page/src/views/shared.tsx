// A dashboard as those see it who have a link: nobody has to sign in, and nothing else is there.
import { useEffect, useRef, useState } from "preact/hooks";
import icon from "../icon.svg";
import { askingShared, type AskWidget, shared, type Shared } from "../lib/dashboards";
import { moment, span } from "../lib/format";
import { useLoaded } from "../lib/hooks";
import { change, usePlace } from "../lib/place";
import { keyOf, nameOf } from "../lib/ranges";
import { ErrorNote, Head, Select, Waiting } from "../parts/basics";
import { Board } from "../parts/board";
import { Icon } from "../parts/icon";
import { ThemePicker } from "../parts/side";
import { everyOf, Refresh, useFullScreen } from "./dashboard-watching";
import { WidgetBody, WidgetCard } from "./dashboard-widgets";

export function SharedDashboard() {
  const { params } = usePlace();
  const token = params.get("link") ?? "";
  const found = useLoaded(token ? `shared ${token}` : null, (signal) => shared(token, signal));
  useEffect(() => {
    document.title = `${found.data?.name ?? "A dashboard"} · Millrace`;
  }, [found.data]);
  return (
    <div class="guest">
      <header class="guest-bar">
        <span class="brand">
          <img src={icon} alt="" />
          Millrace
        </span>
        <ThemePicker />
      </header>
      <main class="main" tabIndex={-1}>
        {!token && <p class="note">This link is not whole: its end is missing.</p>}
        {found.error && <ErrorNote error={found.error} again={found.again} />}
        {token && !found.data && !found.error && <Waiting what="Loading the dashboard" />}
        {found.data && <Opened key={token} dashboard={found.data} token={token} />}
      </main>
    </div>
  );
}

/** Says which days the dashboard's time is, as soon as a widget has it. */
const telling =
  (ask: AskWidget, tell: (days: string) => void): AskWidget =>
  async (...given) => {
    const values = await ask(...given);
    if (values.follows_range && values.answer?.range) tell(span(values.answer.range, values.answer.time_zone));
    return values;
  };

function Opened({ dashboard, token }: { dashboard: Shared; token: string }) {
  const { params } = usePlace();
  const [tick, setTick] = useState(0);
  const full = useFullScreen();
  const [seen, setSeen] = useState("");
  const ask = useRef(telling(askingShared(token), setSeen)).current;
  const every = everyOf(params.get("refresh"));
  const chosen = dashboard.ranges.find((range) => keyOf(range) === params.get("range"));
  const own = dashboard.range ? nameOf(keyOf(dashboard.range)) : "Each its own time";
  const others = dashboard.ranges.map(keyOf).filter((key) => nameOf(key) !== own);
  const holds = { range: (chosen ?? dashboard.range) !== null, where: dashboard.is_filtered };
  return (
    <div class="dashboard" ref={full.place}>
      <Head title={dashboard.name}>
        {others.length === 0 && dashboard.range && <span class="badge">{own}</span>}
        {others.length > 0 && (
          <Select
            hidden
            label="Time"
            class="fit"
            value={chosen ? keyOf(chosen) : ""}
            options={[["", own], ...others.map((key) => [key, nameOf(key)] as const)]}
            onChange={(range) => change({ range }, "replace")}
          />
        )}
        {holds.range && seen && <span class="small muted">{seen}</span>}
        <Refresh onRefresh={() => setTick(tick + 1)} />
        <button type="button" class="button square" aria-label={full.isOn ? "Leave full screen" : "Full screen"} title="Full screen" onClick={full.toggle}>
          <Icon name="expand" size={15} />
        </button>
      </Head>
      {dashboard.description && <p class="board-said muted">{dashboard.description}</p>}
      <Board
        label={dashboard.name}
        columns={dashboard.layout.columns}
        items={dashboard.widgets}
        show={(widget) => {
          const shown = { ...widget, chart: widget.chart_type, height: widget.position.height };
          return <WidgetCard widget={shown} body={<WidgetBody widget={shown} ask={ask} asked="" of={chosen ? { range: chosen } : {}} holds={holds} every={every} tick={tick} />} />;
        }}
      />
      <p class="small muted guest-foot">
        Times in {dashboard.time_zone}
        {dashboard.expires_at && `; this link works until ${moment(new Date(dashboard.expires_at), dashboard.time_zone)}`}.
      </p>
    </div>
  );
}
