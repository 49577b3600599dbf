// The public HTTP API, relative to where the page is: it works under any path prefix.

const base = new URL(".", document.baseURI);

/** The address of a path of the API, for links and snippets. */
export const addressOf = (path: string): string => new URL(path, base).href;

/** A link that the server gives, which may begin with / of wherever the page is. */
export const whole = (link: string): string => (link.startsWith("/") ? addressOf(link.slice(1)) : link);

/** Where clients send events to. */
export const serverAddress = (): string => base.href.replace(/\/$/, "");

/** An error as the server tells it, or one of the way there. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly requestId: string,
    readonly detail: unknown,
    readonly retryAfter: number | null,
  ) {
    super(message);
  }
}

/** Called where the server wants to know who asks, and no session answers that. */
export const signedOut = new EventTarget();

type Body = Record<string, unknown>;

let refreshing: Promise<boolean> | null = null;

/** Another access token, as a cookie; one request for all that wait. */
function refreshSession(): Promise<boolean> {
  refreshing ??= fetch(new URL("auth/v1/session/refresh", base), { method: "POST" })
    .then((answer) => answer.ok)
    .catch(() => false)
    .finally(() => {
      refreshing = null;
    });
  return refreshing;
}

const MOST_TRIES = 4;

/** The answer, whatever its status is below 400; throws an ApiError for the others. Where the tenant asks too much at once, it is
 * asked again when the server says so: views ask several questions, and each has its turn. */
export async function send(path: string, init: RequestInit = {}): Promise<Response> {
  for (let tries = 1; ; tries++) {
    try {
      return await sendOnce(path, init);
    } catch (error) {
      const isBusy = error instanceof ApiError && error.code === "too_many_queries";
      if (!isBusy || tries === MOST_TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, (error.retryAfter ?? 1) * 1000 * (0.5 + Math.random() / 2)));
      init.signal?.throwIfAborted();
    }
  }
}

async function sendOnce(path: string, init: RequestInit): Promise<Response> {
  const ask = () => fetch(new URL(path, base), init);
  let answer: Response;
  try {
    answer = await ask();
    if (answer.status === 401 && !path.startsWith("auth/")) {
      const again = await refreshSession();
      if (again) answer = await ask();
      if (answer.status === 401) signedOut.dispatchEvent(new Event("signedout"));
    }
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "unreachable", "The server does not answer. Is it running, and are you online?", "", null, null);
  }
  if (!answer.ok) throw await errorOf(answer);
  return answer;
}

async function errorOf(answer: Response): Promise<ApiError> {
  const id = answer.headers.get("x-request-id") ?? "";
  const retry = Number(answer.headers.get("retry-after")) || null;
  let body: Body = {};
  try {
    body = (await answer.json()) as Body;
  } catch {
    // a proxy's own page, for example
  }
  // Problem details (RFC 9457) have the text in `detail`.
  const said = body["message"] ?? (typeof body["detail"] === "string" ? body["detail"] : undefined);
  const message = typeof said === "string" ? said : `The server answered ${answer.status}.`;
  return new ApiError(answer.status, String(body["code"] ?? "http_error"), message, id, body["detail"], retry);
}

const json = (method: string, body: unknown, signal?: AbortSignal): RequestInit => ({
  method,
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body),
  ...(signal && { signal }),
});

export const get = async <T>(path: string, signal?: AbortSignal): Promise<T> =>
  (await send(path, signal ? { signal } : {})).json() as Promise<T>;
export const post = async <T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> =>
  (await send(path, json("POST", body, signal))).json() as Promise<T>;
export const put = async <T>(path: string, body: unknown): Promise<T> =>
  (await send(path, json("PUT", body))).json() as Promise<T>;
export const patch = async <T>(path: string, body: unknown): Promise<T> =>
  (await send(path, json("PATCH", body))).json() as Promise<T>;
export const remove = async <T>(path: string): Promise<T> => (await send(path, { method: "DELETE" })).json() as Promise<T>;
export const postInit = json;

/** A path with its parts escaped: path`query/saved/${tenant}/${name}`. */
export const path = (texts: TemplateStringsArray, ...parts: string[]): string =>
  texts.reduce((whole, text, number) => whole + encodeURIComponent(parts[number - 1] ?? "") + text);
