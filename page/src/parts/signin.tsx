import { useEffect, useRef, useState } from "preact/hooks";
import icon from "../icon.svg";
import { ApiError, post } from "../lib/api";
import { useTask } from "../lib/hooks";
import { ErrorNote } from "./basics";

/** The form that begins a session. Its tokens are cookies that no script reads. */
export function SignIn({ onDone }: { onDone: () => void }) {
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [mailed, setMailed] = useState("");
  const first = useRef<HTMLInputElement>(null);
  const signIn = useTask(async () => {
    await post("auth/v1/session", { email, password });
    onDone();
  });
  const forgot = useTask(async () => {
    setMailed("");
    await post("auth/v1/password-forgotten", { email });
    setMailed(`If ${email} may sign in here, a link to set a password is on its way.`);
  });
  useEffect(() => {
    document.title = "Sign in · Millrace";
    first.current?.focus();
  }, []);
  const error: ApiError | null = signIn.error ?? forgot.error;
  return (
    <main class="alone">
      <form
        class="card signin"
        onSubmit={(event) => {
          event.preventDefault();
          forgot.clear();
          void signIn.start();
        }}
      >
        <img src={icon} alt="" width="40" height="40" />
        <h1>Sign in to Millrace</h1>
        <label class="field">
          <span>Email</span>
          <input
            ref={first}
            class="input"
            type="email"
            autocomplete="username"
            required
            value={email}
            onInput={(event) => setEmail(event.currentTarget.value)}
          />
        </label>
        <label class="field">
          <span>Password</span>
          <input
            class="input"
            type="password"
            autocomplete="current-password"
            required
            value={password}
            onInput={(event) => setPassword(event.currentTarget.value)}
          />
        </label>
        {error && <ErrorNote error={error} />}
        {mailed && (
          <p class="note" role="status">
            {mailed}
          </p>
        )}
        <button class="button first" disabled={signIn.busy}>
          {signIn.busy ? "Signing in…" : "Sign in"}
        </button>
        <button
          type="button"
          class="button quiet"
          disabled={!email || forgot.busy}
          onClick={() => {
            signIn.clear();
            void forgot.start();
          }}
        >
          I forgot my password
        </button>
      </form>
    </main>
  );
}
