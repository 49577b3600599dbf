// What a tenant sends, in words: its events and their properties, with what somebody wrote about them.
import { get, path } from "../lib/api";
import { compact, count, date, day, minute } from "../lib/format";
import { useLoaded } from "../lib/hooks";
import { change, linkTo, usePlace } from "../lib/place";
import type { Schema } from "../lib/questions";
import { useTenant } from "../lib/session";
import { Card, Empty, ErrorNote, Head, Waiting } from "../parts/basics";
import { Description, type Kind, type Written } from "./description";

type EventType = Schema["event_types"][number];

export function Catalogue() {
  const { customer_id: id } = useTenant();
  const { params } = usePlace();
  const schema = useLoaded(`schema ${id}`, (signal) => get<Schema>(path`schema/${id}`, signal));
  const written = useLoaded(`written ${id}`, async (signal) => {
    const { descriptions } = await get<{ descriptions: Written[] }>(path`api/v1/descriptions/${id}`, signal);
    return new Map(descriptions.map((one) => [`${one.kind} ${one.name}`, one]));
  });
  const again = () => {
    schema.again();
    written.again();
  };
  const wanted = (params.get("q") ?? "").toLowerCase();
  const types = schema.data?.event_types ?? [];
  const shown = types.filter((one) => wordsOf(one).includes(wanted));
  const chosen = types.find((one) => one.event_type === params.get("event")) ?? shown[0];
  const writtenOf = (kind: Kind, name: string) => written.data?.get(`${kind} ${name}`);
  return (
    <>
      <Head title="Catalogue" />
      {schema.error && <ErrorNote error={schema.error} again={schema.again} />}
      {written.error && <ErrorNote error={written.error} again={written.again} />}
      {!schema.data && !schema.error && <Waiting what="Loading the catalogue" />}
      {schema.data && types.length === 0 && (
        <Card>
          <Empty icon="tags" title="Nothing was sent yet" actions={<a class="button first" href={linkTo("start")}>Send a first event</a>}>
            Events and their properties stand here as soon as they arrive: nothing has to be declared before.
          </Empty>
        </Card>
      )}
      {types.length > 0 && (
        <div class="split">
          <Card title="Events" said={`${count(types.length)} types, the most frequent first`} flush>
            <div class="tools">
              <input
                class="input"
                type="search"
                aria-label="Find an event or a property"
                placeholder="Find an event or a property"
                value={params.get("q") ?? ""}
                onInput={(event) => change({ q: event.currentTarget.value, event: undefined }, "replace")}
              />
            </div>
            {shown.length === 0 ? <p class="foot-note muted">Nothing has this name.</p> : <Picks types={shown} chosen={chosen} />}
          </Card>
          {chosen && <Chosen key={chosen.event_type} type={chosen} writtenOf={writtenOf} onChanged={again} />}
        </div>
      )}
    </>
  );
}

/** Of a rollup by hour: nobody asks it for more. */
const hourOf = (at: string, zone: string): string => `${day(new Date(at), zone)}, ${minute(new Date(at), zone)}`;

const wordsOf = (one: EventType): string =>
  [one.event_type, one.label, ...one.synonyms, ...one.properties.flatMap((property) => [property.name, property.label])].join(" ").toLowerCase();

const Picks = ({ types, chosen }: { types: readonly EventType[]; chosen: EventType | undefined }) => (
  <nav class="picks" aria-label="Events">
    {types.map((one) => (
      <a
        key={one.event_type}
        href={linkTo("catalogue", { event: one.event_type })}
        aria-current={one === chosen ? "true" : undefined}
        onClick={(event) => {
          event.preventDefault();
          change({ event: one.event_type });
        }}
      >
        <span>
          {one.event_type}
          {one.label && one.label !== one.event_type && <small>{one.label}</small>}
        </span>
        <span class="num">{compact(one.count)}</span>
      </a>
    ))}
  </nav>
);

function Chosen(props: { type: EventType; writtenOf: (kind: Kind, name: string) => Written | undefined; onChanged: () => void }) {
  const { type, writtenOf, onChanged } = props;
  const { time_zone: zone } = useTenant();
  return (
    <div class="stack">
      <Card
        title={type.event_type}
        said={`${count(type.count)} since ${date(new Date(type.first_seen), zone)}, the latest in the hour from ${hourOf(type.last_seen, zone)}`}
        aside={
          <a class="button" href={linkTo("explore", { m: "metric:events", e: type.event_type })}>
            Count it
          </a>
        }
      >
        <Description kind="event" name={type.event_type} said={type} written={writtenOf("event", type.event_type)} onChanged={onChanged} />
      </Card>
      <Card title="Properties" said={`Of its latest ${count(type.sampled)} events. A property is the same in every event that has it`} flush>
        {type.properties.length === 0 && <p class="foot-note muted">These events have none.</p>}
        <ul aria-label={`Properties of ${type.event_type}`}>
          {type.properties.map((property) => (
            <li key={property.name} class="property">
              <p class="row">
                <code>{property.name}</code>
                <span class="badge">{property.type}</span>
                <span class="small muted num">in {percentOf(property.count, type.sampled)}</span>
              </p>
              <Description kind="property" name={property.name} said={property} written={writtenOf("property", property.name)} onChanged={onChanged} />
              {property.values.length > 0 && (
                <ul class="values" aria-label={`Frequent values of ${property.name}`}>
                  {property.values.map((one) => (
                    <li key={one.value} class="badge" title={`${one.value}: ${count(one.count)}`}>
                      {one.value}
                    </li>
                  ))}
                </ul>
              )}
            </li>
          ))}
        </ul>
      </Card>
    </div>
  );
}

const percentOf = (part: number, whole: number): string => (whole === 0 ? "none" : `${Math.min(100, Math.round((part / whole) * 100))} % of them`);
