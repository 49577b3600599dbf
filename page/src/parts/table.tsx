import { cell } from "../lib/format";

export interface TableColumn {
  name: string;
  label?: string;
  show?: (value: unknown) => string;
}

const isNumber = (value: unknown) => typeof value === "number" || value === null || value === undefined;

/** Rows as a table; columns of numbers are set to the right. */
export function Table(props: { caption: string; columns: readonly TableColumn[]; rows: readonly (readonly unknown[])[]; most?: number }) {
  const shown = props.rows.slice(0, props.most ?? 500);
  const numeric = props.columns.map(
    (_, number) => shown.length > 0 && shown.every((row) => isNumber(row[number])) && shown.some((row) => row[number] !== null),
  );
  return (
    <div class="table-wrap rows" tabIndex={0} role="region" aria-label={`${props.caption}, as a table`}>
      <table>
        <caption class="unseen">{props.caption}</caption>
        <thead>
          <tr>
            {props.columns.map((column, number) => (
              <th key={number} scope="col" class={numeric[number] ? "num" : ""}>
                {column.label ?? column.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map((row, index) => (
            <tr key={index}>
              {props.columns.map((column, number) => {
                const text = (column.show ?? cell)(row[number]);
                return (
                  <td key={number} class={numeric[number] ? "num" : ""}>
                    <span class="cell" title={text.length > 40 ? text : undefined}>
                      {text}
                    </span>
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
