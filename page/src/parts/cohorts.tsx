// Cohorts of an answer about retention: as rows, and as the table that shows who came back.
import { bucket, count, percent } from "../lib/format";
import type { Answer } from "../lib/questions";

export interface Cohort {
  begun: string;
  people: number;
  shares: { returned: number; share: number }[];
}

/** Those that anybody is in. */
export function cohortsOf(answer: Answer): Cohort[] {
  const cohorts = new Map<string, Cohort>();
  for (const row of answer.rows as [string, number, number, number, number][]) {
    const [begun, period, people, returned, share] = row;
    const cohort = cohorts.get(begun) ?? { begun, people, shares: [] };
    cohort.shares[period] = { returned, share };
    cohorts.set(begun, cohort);
  }
  return [...cohorts.values()].filter((cohort) => cohort.people > 0);
}

/** Without a unit, the periods are numbered. */
export function CohortTable({ answer, unit }: { answer: Answer; unit?: string }) {
  const cohorts = cohortsOf(answer);
  const periods = Math.max(0, ...cohorts.map((cohort) => cohort.shares.length));
  const numbers = Array.from({ length: periods }, (_, number) => number);
  return (
    <div class="table-wrap" tabIndex={0} role="region" aria-label="Cohorts, as a table">
      <table class="cohorts">
        <caption class="unseen">Cohorts</caption>
        <thead>
          <tr>
            <th scope="col">Began</th>
            <th scope="col" class="num">
              People
            </th>
            {numbers.map((number) => (
              <th key={number} scope="col" class="num">
                {unit ? `${unit} ${number}` : number}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {cohorts.map((cohort) => (
            <tr key={cohort.begun}>
              <th scope="row" class="nowrap">
                {bucket(cohort.begun)}
              </th>
              <td class="num">{count(cohort.people)}</td>
              {numbers.map((number) => {
                const cell = cohort.shares[number];
                return (
                  <td key={number} class={`num ${cell ? "heat" : ""}`} style={cell ? { "--h": cell.share } : undefined} title={cell ? `${count(cell.returned)} people` : undefined}>
                    {cell ? percent(cell.share) : ""}
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
