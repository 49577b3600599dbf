// The SQL editor, loaded when the view is opened. It lives in a shadow root: its styles are constructed sheets there, which the
// page's content security policy allows, while style elements are not.
import {
  acceptCompletion,
  autocompletion,
  closeBrackets,
  type Completion,
  type CompletionContext,
  completionKeymap,
  selectedCompletionIndex,
  setSelectedCompletion,
} from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { schemaCompletionSource, SQLDialect, keywordCompletionSource, type SQLNamespace } from "@codemirror/lang-sql";
import { bracketMatching, HighlightStyle, LanguageSupport, syntaxHighlighting, syntaxTree } from "@codemirror/language";
import { type Diagnostic, setDiagnostics } from "@codemirror/lint";
import { Compartment, EditorState, Prec } from "@codemirror/state";
import { type Command, drawSelection, EditorView, keymap, lineNumbers, placeholder } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import type { Schema } from "../lib/questions";

export interface Mistake {
  message: string;
  position: number | null;
}

export interface SqlEditor {
  text(): string;
  set(text: string): void;
  insert(text: string): void;
  mark(mistakes: readonly Mistake[]): void;
  know(schema: Schema): void;
  focus(): void;
  destroy(): void;
}

// What statements may use is decided by the server; these are the words that are offered.
const ClickHouse = SQLDialect.define({
  keywords:
    "select from where group by order limit offset having with as and or not in between like ilike is null distinct union all " +
    "join left right inner full cross on using asc desc case when then else end interval array prewhere sample final any asof " +
    "nulls first last fill step rollup cube totals over partition rows range unbounded preceding following current row true false",
  types: "String DateTime DateTime64 Date UInt8 UInt16 UInt32 UInt64 Int32 Int64 Float64 Bool UUID Array Nullable",
  builtin:
    "count uniq uniqExact sum avg min max median quantile quantiles countIf sumIf avgIf uniqIf argMin argMax groupArray groupUniqArray topK " +
    "toDate toDateTime toStartOfMinute toStartOfFiveMinutes toStartOfHour toStartOfDay toStartOfWeek toStartOfMonth toHour toDayOfWeek " +
    "now today yesterday dateDiff formatDateTime toString toInt64 toFloat64 toFloat64OrNull round floor if multiIf coalesce ifNull nullIf " +
    "JSONExtractString JSONExtractInt JSONExtractFloat JSONExtractBool JSONExtractRaw JSONHas lower upper substring position replaceAll " +
    "splitByChar startsWith endsWith match extract domain path arrayJoin length has windowFunnel retention lag lead row_number rank",
  caseInsensitiveIdentifiers: false,
});

const colors = HighlightStyle.define([
  { tag: tags.keyword, color: "var(--s2)", fontWeight: "500" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--good)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--s3)" },
  { tag: tags.comment, color: "var(--muted)", fontStyle: "italic" },
  { tag: [tags.standard(tags.name), tags.typeName], color: "var(--accent-strong)" },
]);

const theme = EditorView.theme({
  "&": { height: "100%", color: "var(--text)", backgroundColor: "transparent", fontSize: "13px" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", fontVariantLigatures: "none", lineHeight: "1.65", overflow: "auto" },
  ".cm-content": { padding: "12px 0", caretColor: "var(--accent)" },
  ".cm-line": { padding: "0 14px 0 6px" },
  ".cm-gutters": { backgroundColor: "transparent", border: "none", color: "var(--muted)", paddingLeft: "8px" },
  ".cm-cursor": { borderLeftColor: "var(--accent)", borderLeftWidth: "2px" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "var(--accent-soft)" },
  ".cm-placeholder": { color: "var(--muted)" },
  ".cm-matchingBracket": { backgroundColor: "var(--accent-soft)", outline: "none" },
  ".cm-tooltip": {
    backgroundColor: "var(--surface)",
    color: "var(--text)",
    border: "1px solid var(--line)",
    borderRadius: "8px",
    boxShadow: "var(--shadow-high)",
    overflow: "hidden",
  },
  ".cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono)", fontSize: "12.5px", maxHeight: "240px" },
  ".cm-tooltip-autocomplete > ul > li": { padding: "3px 10px 3px 6px" },
  ".cm-tooltip-autocomplete > ul > li[aria-selected]": { backgroundColor: "var(--accent-soft)", color: "var(--text)" },
  ".cm-completionDetail": { color: "var(--muted)", fontStyle: "normal", marginLeft: "12px" },
  ".cm-diagnostic": { padding: "6px 10px", borderLeft: "3px solid var(--bad)", fontFamily: "var(--font)", fontSize: "13px" },
  ".cm-lintRange-error": {
    backgroundImage: "none",
    textDecoration: "underline wavy var(--bad) 1.5px",
    textUnderlineOffset: "3px",
  },
});

const word = /[\w.]*$/;

/** Names of events and properties, offered inside of quotes. */
const offered =
  (values: readonly Completion[]) =>
  (context: CompletionContext): { from: number; options: readonly Completion[]; validFor: RegExp } | null => {
    const node = syntaxTree(context.state).resolveInner(context.pos, -1);
    const line = context.state.sliceDoc(node.from, context.pos);
    const isBehind = context.pos === node.to && line.length > 1 && line.endsWith(line[0]!);
    if (node.name !== "String" || isBehind) return null;
    const typed = word.exec(line)?.[0] ?? "";
    return { from: context.pos - typed.length, options: values, validFor: /^[\w.]*$/ };
  };

const namesOf = (schema: Schema): Completion[] => {
  const properties = new Map<string, Completion>();
  for (const event of schema.event_types) {
    for (const property of event.properties) {
      properties.set(property.name, { label: property.name, detail: `property, ${property.type}`, type: "property" });
    }
  }
  const events = schema.event_types.map((event) => ({ label: event.event_type, detail: "event type", type: "enum" }));
  return [...events, ...properties.values()];
};

const columnsOf = (schema: Schema): SQLNamespace =>
  Object.fromEntries(
    schema.tables.map((table) => [table.name, table.columns.map((column) => ({ label: column.name, detail: column.type, type: "property" }))]),
  );

function language(schema: Schema | null) {
  const of = ClickHouse.language.data.of.bind(ClickHouse.language.data);
  const sources = [of({ autocomplete: keywordCompletionSource(ClickHouse, true) })];
  if (schema) {
    sources.push(of({ autocomplete: offered(namesOf(schema)) }));
    sources.push(of({ autocomplete: schemaCompletionSource({ dialect: ClickHouse, schema: columnsOf(schema), defaultTable: "events_raw" }) }));
  }
  return new LanguageSupport(ClickHouse.language, sources);
}

/** The option that is selected, or the first. */
const takeOption: Command = (view) => {
  if (selectedCompletionIndex(view.state) === null) view.dispatch({ effects: setSelectedCompletion(0) });
  return acceptCompletion(view);
};

function diagnosticsOf(state: EditorState, mistakes: readonly Mistake[]): Diagnostic[] {
  return mistakes.map(({ message, position }) => {
    if (position === null) return { from: 0, to: state.doc.length, severity: "error", message };
    const from = Math.min(Math.max(position - 1, 0), Math.max(state.doc.length - 1, 0));
    const range = state.wordAt(from);
    return { from: range?.from ?? from, to: range?.to ?? Math.min(from + 1, state.doc.length), severity: "error", message };
  });
}

export function createEditor(
  host: HTMLElement,
  given: { text: string; label: string; onChange: (text: string) => void; onRun: () => void },
): SqlEditor {
  const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
  const parent = document.createElement("div");
  parent.style.height = "100%";
  root.replaceChildren(parent);
  const dialect = new Compartment();
  const run = () => (given.onRun(), true);
  const view = new EditorView({
    root,
    parent,
    state: EditorState.create({
      doc: given.text,
      extensions: [
        lineNumbers(),
        history(),
        drawSelection(),
        bracketMatching(),
        closeBrackets(),
        // Enter is a new line unless somebody has moved to an option; Tab takes one from the moment that it is there.
        autocompletion({ icons: false, activateOnTypingDelay: 120, selectOnOpen: false, interactionDelay: 0 }),
        // Tab leaves the editor unless something is offered: nobody is caught in it.
        Prec.highest(keymap.of([{ key: "Mod-Enter", run }, { key: "Tab", run: takeOption }])),
        keymap.of([...completionKeymap, ...historyKeymap, ...defaultKeymap]),
        syntaxHighlighting(colors),
        theme,
        dialect.of(language(null)),
        placeholder("SELECT …"),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ "aria-label": given.label, spellcheck: "false" }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) given.onChange(update.state.doc.toString());
        }),
      ],
    }),
  });
  return {
    text: () => view.state.doc.toString(),
    set: (text) => view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } }),
    insert: (text) => {
      view.dispatch(view.state.replaceSelection(text));
      view.focus();
    },
    mark: (mistakes) => view.dispatch(setDiagnostics(view.state, diagnosticsOf(view.state, mistakes))),
    know: (schema) => view.dispatch({ effects: dialect.reconfigure(language(schema)) }),
    focus: () => view.focus(),
    destroy: () => view.destroy(),
  };
}
