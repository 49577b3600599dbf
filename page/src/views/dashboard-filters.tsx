// The time and the filter of a whole dashboard: what is kept of them, and, in the address, what somebody looks at instead.
import type { Dashboard, Filters } from "../lib/dashboards";
import { change, linkTo, usePlace } from "../lib/place";
import { all } from "../lib/questions";
import { keyOf, type Range, rangeOf } from "../lib/ranges";
import { Conditions, conditionsOf, filtersOf, type Names, RangePicker, readConditions, useNames, writeConditions } from "../parts/pickers";

/** In the address: each widget has its own time, whatever is kept. */
const OWN = "own";

interface Looking {
  /** What holds now; null while it is not known what the address means. */
  filters: Filters | null;
  isOther: boolean;
  names: Names | null;
}

export function useFilters(kept: Filters): Looking {
  const { params } = usePlace();
  const [range, f] = [params.get("range"), params.get("f")];
  const { names } = useNames(f !== null || kept.where !== undefined);
  const isOther = range !== null || f !== null;
  // What a value is depends on its field: numbers are compared as numbers.
  const conditions = readConditions(f);
  if (!names && filtersOf(conditions, null).length > 0) return { filters: null, isOther, names };
  const time: Range | undefined = range === null ? kept.range : range === OWN ? undefined : rangeOf(range);
  const { where } = f === null ? kept : all(filtersOf(conditions, names));
  return { filters: { ...(time && { range: time }), ...(where && { where }) }, isOther, names };
}

export function FilterBar({ dashboard, looking, onKeep }: { dashboard: Dashboard; looking: Looking; onKeep: ((filters: Filters) => void) | undefined }) {
  const { params } = usePlace();
  const kept = dashboard.filters;
  const own = kept.range ? keyOf(kept.range) : OWN;
  const f = params.get("f");
  const conditions = f === null ? conditionsOf(kept.where) : readConditions(f);
  const filters = looking.filters;
  const back = () => change({ range: "", f: "" });
  return (
    <section class="board-filters" aria-label="Time and filter of the whole dashboard">
      <RangePicker value={params.get("range") ?? own} others={[[OWN, "Each its own time"]]} onChange={(range) => change({ range: range === own ? "" : range })} />
      {conditions === null ? (
        <p class="small muted filter-other">
          A filter holds that was made over the API.{" "}
          <button type="button" class="button quiet" onClick={() => change({ f: "[]" })}>
            Look without it
          </button>
        </p>
      ) : (
        <Conditions names={looking.names} conditions={conditions} onChange={(next) => change({ f: writeConditions(next) || (kept.where ? "[]" : "") })} />
      )}
      {looking.isOther && (
        <p class="row filter-state" role="status">
          <span class="small muted">You look at it otherwise than it is kept.</span>
          {onKeep && filters && (
            <button
              type="button"
              class="button"
              onClick={() => {
                onKeep(filters);
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

/** Where a widget is looked at more closely: of the time of the dashboard, where the view has one. */
export function opensAt(opens: string, filters: Filters | null): string {
  const [view = "", query = ""] = opens.split("?", 2);
  const params = Object.fromEntries(new URLSearchParams(query));
  if (filters?.range && ["explore", "funnels", "paths", "sessions"].includes(view)) params["range"] = keyOf(filters.range);
  const conditions = view === "explore" ? conditionsOf(filters?.where) : [];
  if (conditions?.length) params["f"] = writeConditions([...readConditions(params["f"] ?? null), ...conditions]);
  return linkTo(view, params);
}
