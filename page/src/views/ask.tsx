import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, post, postInit } from "../lib/api";
import { cell, duration, measured, moment } from "../lib/format";
import { useTask } from "../lib/hooks";
import { change, linkTo, usePlace } from "../lib/place";
import type { Question } from "../lib/questions";
import { messages } from "../lib/sse";
import { useTenant } from "../lib/session";
import { Card, Code, Empty, ErrorNote, Head } from "../parts/basics";
import { Icon } from "../parts/icon";
import { Picture } from "../parts/picture";
import { type Choice, SaveToDashboard } from "../parts/save";
import { Table } from "../parts/table";

interface Answer {
  success: boolean;
  status: "ok" | "needs_clarification" | "unanswerable";
  answer_id: string;
  sql: string;
  explanation: string;
  insights: string;
  insight_facts: { text: string }[];
  related_queries: string[];
  data: Record<string, unknown>[];
  columns: string[];
  units: Record<string, string>;
  truncated: boolean;
  execution_time_ms: number;
  interpretation: { understood: string[]; assumptions: string[]; time_zone: string; range: string[] | null; plan: { question: Question; then?: unknown } | null };
  confidence: number;
  source: "verified" | "model" | "offline";
  options: string[];
  reason: string;
  cost: { usd: number; spent_today_usd: number | null; budget_usd: number | null };
  warnings: string[];
}

type Step = { name: string; text: string };

const EXAMPLES = [
  "Top 10 pages by views today",
  "Revenue per day this month",
  "Compare purchases this week vs last week",
  "Funnel from product view to add to cart to purchase",
  "Unique visitors by country in the last 7 days",
  "Average order value by country this month",
];

const SOURCES = {
  verified: "read as somebody confirmed it before",
  model: "read by the language model",
  offline: "read without a language model",
};

function stepOf(event: string, data: Record<string, unknown>): Step | null {
  switch (event) {
    case "accepted":
      return { name: event, text: "Reading the question" };
    case "read":
      return { name: event, text: data["status"] === "ok" ? "Understood; asking the warehouse" : "Read" };
    case "repair":
      return { name: event, text: `Mending the statement: ${String(data["problem"])}` };
    case "rows":
      return { name: event, text: `${Number(data["count"]).toLocaleString("en")} rows; looking at what they show` };
    default:
      return null;
  }
}

export function Ask() {
  const tenant = useTenant();
  const { params } = usePlace();
  const question = params.get("q") ?? "";
  const [text, setText] = useState(question);
  const [steps, setSteps] = useState<Step[]>([]);
  const [answer, setAnswer] = useState<Answer | null>(null);
  const input = useRef<HTMLTextAreaElement>(null);

  const asking = useTask(async (signal, query: string) => {
    setSteps([]);
    setAnswer(null);
    const body = { customer_id: tenant.customer_id, query };
    for await (const message of messages("ai/query/stream", postInit("POST", body, signal))) {
      const data = JSON.parse(message.data) as Record<string, unknown>;
      if (message.event === "done") setAnswer(data as unknown as Answer);
      else if (message.event === "error") {
        throw new ApiError(Number(data["status"]), String(data["code"]), String(data["message"]), "", null, null);
      } else {
        const step = stepOf(message.event ?? "", data);
        if (step) setSteps((before) => [...before, step]);
      }
    }
  });

  useEffect(() => {
    setText(question);
    if (question) void asking.start(question);
    else {
      asking.stop();
      asking.clear();
      setAnswer(null);
      input.current?.focus();
    }
  }, [question]);

  const submit = () => {
    const query = text.trim();
    if (!query) return;
    if (query === question) void asking.start(query);
    else change({ q: query });
  };

  return (
    <>
      <Head title="Ask" />
      <form
        class="askbox"
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <textarea
          ref={input}
          rows={1}
          class="input"
          aria-label="Your question"
          placeholder="What do you want to know?"
          maxLength={10_000}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
              event.preventDefault();
              submit();
            }
          }}
        />
        {asking.busy ? (
          <button type="button" class="button square" aria-label="Stop" onClick={asking.stop}>
            <Icon name="square" size={14} />
          </button>
        ) : (
          <button class="button first square" aria-label="Ask" disabled={!text.trim()}>
            <Icon name="send" />
          </button>
        )}
      </form>
      {!question && <Examples />}
      <div class="stack">
        {asking.busy && <Steps steps={steps} />}
        {asking.error && <ErrorNote error={asking.error} again={() => void asking.start(question)} />}
        {answer && <Answered answer={answer} question={question} />}
      </div>
    </>
  );
}

const Questions = ({ questions }: { questions: string[] }) => (
  <ul class="questions">
    {questions.map((one) => (
      <li key={one}>
        <a href={linkTo("ask", { q: one })}>
          {one}
          <Icon name="arrow" size={14} />
        </a>
      </li>
    ))}
  </ul>
);

function Examples() {
  return (
    <section aria-labelledby="examples" class="examples">
      <h2 id="examples">For example</h2>
      <Questions questions={EXAMPLES} />
    </section>
  );
}

function Steps({ steps }: { steps: Step[] }) {
  return (
    <div role="status">
      <ol class="steps card" aria-label="Progress">
      {steps.map((step, number) => (
        <li key={number} class={number < steps.length - 1 ? "muted" : ""}>
          <Icon name={number < steps.length - 1 ? "check" : "spin"} class={number < steps.length - 1 ? "" : "spin"} />
          {step.text}
        </li>
      ))}
      {steps.length === 0 && (
        <li>
          <Icon name="spin" class="spin" />
          Asking
        </li>
      )}
      </ol>
    </div>
  );
}

function Answered({ answer, question }: { answer: Answer; question: string }) {
  if (answer.status !== "ok") return <NotAnswered answer={answer} />;
  const rows = answer.data.map((row) => answer.columns.map((name) => row[name]));
  return (
    <>
      <Card title={question} said={answer.explanation} aside={<SaveToDashboard key={answer.answer_id} title={question} choices={choicesOf(answer)} />}>
        <div class="stack">
          {answer.warnings.map((warning) => (
            <p key={warning} class="note warn">
              <Icon name="alert" />
              {warning}
            </p>
          ))}
          {answer.insight_facts.length > 0 && (
            <ul class="insights">
              {answer.insight_facts.map((fact) => (
                <li key={fact.text}>{fact.text}</li>
              ))}
            </ul>
          )}
          {rows.length === 0 ? (
            <Empty icon="search" title="No rows">
              Nothing fits the question as it was understood. Look at the range below.
            </Empty>
          ) : (
            <Picture label={`${question}: a chart of the rows below`} columns={answer.columns} rows={rows} units={answer.units} />
          )}
        </div>
        <Understood answer={answer} />
      </Card>
      {rows.length > 1 && (
        <Card title="Rows" said={`${rows.length.toLocaleString("en")}${answer.truncated ? " of more" : ""} in ${duration(answer.execution_time_ms / 1000)}`} flush>
          <Table caption={question} columns={answer.columns.filter((name) => name !== "other").map((name) => ({ name, label: labelOf(name, answer.units), show: (value: unknown) => (answer.units[name] ? measured(value, answer.units[name]) : cell(value)) }))} rows={answer.data.map((row) => answer.columns.filter((name) => name !== "other").map((name) => row[name]))} />
        </Card>
      )}
      {answer.related_queries.length > 0 && (
        <section aria-labelledby="related" class="examples">
          <h2 id="related">Next to it</h2>
          <Questions questions={answer.related_queries} />
        </section>
      )}
    </>
  );
}

/** The question as it was understood, which is asked anew each time; else the statement. What is computed of an answer's rows cannot be kept. */
function choicesOf(answer: Answer): Choice[] {
  const { plan } = answer.interpretation;
  if (plan?.then) return [];
  if (plan) return [{ name: "Chart", type: "chart", config: { question: plan.question } }];
  return answer.sql ? [{ name: "Chart", type: "chart", config: { sql: answer.sql } }] : [];
}

const labelOf = (name: string, units: Record<string, string>) =>
  name.replaceAll("_", " ") + (units[name] && units[name] !== name ? ` (${units[name]})` : "");

/** How the question was taken: to be read before the numbers are believed. */
function Understood({ answer }: { answer: Answer }) {
  const tenant = useTenant();
  const told = answer.interpretation;
  const range = told.range?.map((at) => moment(new Date(at), told.time_zone || tenant.time_zone)).join(" – ");
  return (
    <div class="understood stack">
      <ul class="row" aria-label="How it was understood">
        {told.understood.map((one) => (
          <li key={one} class="badge accent">
            {one}
          </li>
        ))}
        {told.assumptions.map((one) => (
          <li key={one} class="badge">
            assumed: {one}
          </li>
        ))}
      </ul>
      <div class="row apart">
        <p class="small muted">
          {[
            SOURCES[answer.source],
            range && `${range}, ${told.time_zone}`,
            answer.cost.usd > 0 && `${answer.cost.usd.toFixed(4)} USD`,
            answer.cost.budget_usd !== null &&
              answer.cost.spent_today_usd !== null &&
              `${answer.cost.spent_today_usd.toFixed(2)} of ${answer.cost.budget_usd.toFixed(2)} USD today`,
          ]
            .filter(Boolean)
            .join(" · ")}
        </p>
        <Thumbs answer={answer} />
      </div>
      {answer.sql && (
        <details class="more">
          <summary>The statement that was asked</summary>
          <Code text={answer.sql} what="SQL" />
        </details>
      )}
    </div>
  );
}

function Thumbs({ answer }: { answer: Answer }) {
  const tenant = useTenant();
  const [given, setGiven] = useState<boolean | null>(null);
  const judge = useTask(async (_, helpful: boolean) => {
    await post("ai/feedback", { customer_id: tenant.customer_id, answer_id: answer.answer_id, helpful });
    setGiven(helpful);
  });
  useEffect(() => setGiven(null), [answer.answer_id]);
  return (
    <div class="row" role="group" aria-label="Was this right?">
      <span class="small muted" role="status">
        {judge.error ? judge.error.message : given === null ? "Was this right?" : given ? "It is read so from now on." : "It is forgotten."}
      </span>
      {([true, false] as const).map((helpful) => (
        <button
          key={String(helpful)}
          type="button"
          class="button quiet square"
          aria-label={helpful ? "Yes, this was right" : "No, this was wrong"}
          aria-pressed={given === helpful}
          disabled={judge.busy}
          onClick={() => void judge.start(helpful)}
        >
          <Icon name={helpful ? "up" : "down"} size={15} />
        </button>
      ))}
    </div>
  );
}

function NotAnswered({ answer }: { answer: Answer }) {
  const isOpen = answer.status === "needs_clarification";
  return (
    <Card title={isOpen ? "Which of these do you mean?" : "I cannot answer this"} said={answer.reason}>
      <div class="stack">
        {isOpen && <Questions questions={answer.options} />}
        {!isOpen && answer.interpretation.understood.length > 0 && (
          <ul class="row" aria-label="What was understood">
            {answer.interpretation.understood.map((one) => (
              <li key={one} class="badge">
                {one}
              </li>
            ))}
          </ul>
        )}
        {answer.warnings.map((warning) => (
          <p key={warning} class="small muted">
            {warning}
          </p>
        ))}
        {!isOpen && answer.related_queries.length > 0 && <Questions questions={answer.related_queries} />}
      </div>
    </Card>
  );
}
