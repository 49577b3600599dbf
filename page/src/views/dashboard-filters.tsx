// The time and the filter of a whole dashboard: what is kept of them, and, in the address, what somebody looks at instead.
import { useEffect, useState } from "preact/hooks";
import type { Dashboard, Filters } from "../lib/dashboards";
import { change, linkTo, usePlace } from "../lib/place";
import { all, type Filter } from "../lib/questions";
import { keyOf, type Range, rangeOf } from "../lib/ranges";
import { type Condition, Conditions, conditionsOf, filtersOf, RangePicker, readConditions, useNames, writeConditions } from "../parts/pickers";

/** In the address: each widget has its own time, whatever is kept. */
const OWN = "own";

/** In the address: there is no filter, whatever is kept. */
const NONE = "{}";

interface Looking {
  /** What holds now. */
  filters: Filters;
  /** Whether that is not what is kept. */
  isOther: boolean;
}

/** A filter as the address has it: as the API takes it, so that nothing has to be known to ask with it. */
function readFilter(text: string): Filter | undefined {
  try {
    const read = JSON.parse(text) as Filter;
    return text === NONE || typeof read !== "object" || read === null ? undefined : read;
  } catch {
    return undefined;
  }
}

export function useFilters(kept: Filters): Looking {
  const { params } = usePlace();
  const [range, where] = [params.get("range"), params.get("where")];
  const time: Range | undefined = range === null ? kept.range : range === OWN ? undefined : rangeOf(range);
  const filter = where === null ? kept.where : readFilter(where);
  return { filters: { ...(time && { range: time }), ...(filter && { where: filter }) }, isOther: range !== null || where !== null };
}

export function FilterBar({ dashboard, looking, onKeep }: { dashboard: Dashboard; looking: Looking; onKeep: ((filters: Filters) => void) | undefined }) {
  const { params } = usePlace();
  const kept = dashboard.filters;
  const own = kept.range ? keyOf(kept.range) : OWN;
  const back = () => change({ range: "", where: "" });
  return (
    <section class="board-filters" aria-label="Time and filter of the whole dashboard">
      <RangePicker value={params.get("range") ?? own} others={[[OWN, "Each its own time"]]} onChange={(range) => change({ range: range === own ? "" : range })} />
      <Where kept={kept.where} where={looking.filters.where} />
      {looking.isOther && (
        <p class="row filter-state" role="status">
          <span class="small muted">You look at it otherwise than it is kept.</span>
          {onKeep && (
            <button
              type="button"
              class="button"
              onClick={() => {
                onKeep(looking.filters);
                back();
              }}
            >
              Keep it so
            </button>
          )}
          <button type="button" class="button quiet" onClick={back}>
            Back to what is kept
          </button>
        </p>
      )}
    </section>
  );
}

/** As the server tells it, so that nothing is asked again once it is kept. */
const asKept = (one: Filter): Filter => ("field" in one && typeof one.field === "string" ? { ...one, field: { name: one.field } } : one);

/** The filter as conditions. What is not filled in yet is nobody else's business, and stands in no address. */
function Where({ kept, where }: { kept: Filter | undefined; where: Filter | undefined }) {
  const [draft, setDraft] = useState<readonly Condition[] | null>(null);
  const { names } = useNames(draft !== null);
  const made = draft && all(filtersOf(draft, names).map(asKept)).where;
  const isSame = JSON.stringify(made) === JSON.stringify(where);
  useEffect(() => {
    if (draft && !isSame) change({ where: made ? JSON.stringify(made) : kept ? NONE : "" }, "replace");
  }, [draft, names]);
  useEffect(() => {
    if (!isSame) setDraft(null); // by the way back, for example
  }, [JSON.stringify(where)]);
  const conditions = draft ?? conditionsOf(where);
  if (conditions === null) {
    return (
      <p class="small muted filter-other">
        A filter holds that was made over the API.{" "}
        <button type="button" class="button quiet" onClick={() => change({ where: NONE })}>
          Look without it
        </button>
      </p>
    );
  }
  return <Conditions names={names} conditions={conditions} onChange={setDraft} />;
}

/** Where a widget is looked at more closely: of the time of the dashboard, where the view has one. */
export function opensAt(opens: string, filters: Filters): string {
  const [view = "", query = ""] = opens.split("?", 2);
  const params = Object.fromEntries(new URLSearchParams(query));
  if (filters.range && ["explore", "funnels", "paths", "sessions"].includes(view)) params["range"] = keyOf(filters.range);
  const conditions = view === "explore" ? conditionsOf(filters.where) : [];
  if (conditions?.length) params["f"] = writeConditions([...readConditions(params["f"] ?? null), ...conditions]);
  return linkTo(view, params);
}
