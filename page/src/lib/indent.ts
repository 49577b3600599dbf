// JSON for people to read and change. It is laid out as text and never parsed: 1.50 and numbers beyond 2^53 stay as they were written.

/** The same tokens, a member a line. Text that is no JSON is returned as it is. */
export function indented(text: string): string {
  try {
    JSON.parse(text);
  } catch {
    return text;
  }
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g) ?? [];
  let depth = 0;
  let out = "";
  const line = () => `\n${"  ".repeat(depth)}`;
  tokens.forEach((token, at) => {
    const next = tokens[at + 1];
    if (token === "{" || token === "[") {
      const isEmpty = next === "}" || next === "]";
      if (!isEmpty) depth++;
      out += isEmpty ? token : token + line();
    } else if (token === "}" || token === "]") {
      const isEmpty = tokens[at - 1] === "{" || tokens[at - 1] === "[";
      if (!isEmpty) depth--;
      out += isEmpty ? token : line() + token;
    } else if (token === ",") out += token + line();
    else out += token === ":" ? ": " : token;
  });
  return out;
}

/** What keeps a text from being a JSON object; null where nothing does. */
export function mistakeIn(text: string): string | null {
  try {
    const read: unknown = JSON.parse(text);
    return typeof read === "object" && read !== null && !Array.isArray(read) ? null : "The record has to be an object.";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
