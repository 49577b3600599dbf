import { pictureOf } from "../lib/fit";
import { measured } from "../lib/format";
import { Bars } from "./basics";
import { Chart } from "./chart";

interface Props {
  label: string;
  columns: readonly string[];
  rows: readonly (readonly unknown[])[];
  units?: Readonly<Record<string, string>>;
}

/** Whatever shows these rows best; nothing where a table says it all. */
export function Picture({ label, columns, rows, units = {} }: Props) {
  const picture = pictureOf(columns, rows);
  switch (picture.kind) {
    case "numbers":
      return (
        <dl class="figures">
          {picture.figures.map((one) => (
            <div key={one.name} class="figure">
              <dt>{one.name.replaceAll("_", " ")}</dt>
              <dd>{measured(one.value, units[one.name] ?? "")}</dd>
            </div>
          ))}
        </dl>
      );
    case "line": {
      const unit = units[picture.series[0]!.name] ?? Object.values(units)[0] ?? "";
      const isShort = picture.series.length === 1 && picture.labels.length <= 4;
      return (
        <Chart
          kind={isShort ? "bars" : "line"}
          label={label}
          labels={picture.labels}
          series={picture.series}
          height={260}
          show={(value) => measured(value, unit)}
        />
      );
    }
    case "bars":
      return (
        <>
          <p class="small muted bars-name">{picture.name.replaceAll("_", " ")}</p>
          <Bars rows={picture.rows} unit={units[picture.name] ?? ""} />
        </>
      );
    case "none":
      return null;
  }
}
