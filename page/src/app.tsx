import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, get, path, remove, signedOut } from "./lib/api";
import { remembered, useLoaded } from "./lib/hooks";
import { go, linkTo, usePlace } from "./lib/place";
import { isFirstRun, may, SessionContext, type Session, type Tenant, type Tenants } from "./lib/session";
import { Empty, ErrorNote, Head, Waiting } from "./parts/basics";
import { Side, TopBar } from "./parts/side";
import { SignIn } from "./parts/signin";
import { FIRST, viewNamed, type View } from "./views";
import { SharedDashboard } from "./views/shared";

const lastTenant = remembered("tenant");
const DEMO = "demo_tenant";

/** Whose data is shown: what the address names, else what was shown last, else whatever there is. */
function tenantFor(named: string | null, known: Tenants): string | null {
  if (named) return named;
  const names = known.tenants.map((tenant) => tenant.customer_id);
  const last = lastTenant.read();
  if (last && (known.every_tenant || names.includes(last))) return last;
  return names[0] ?? (known.every_tenant ? DEMO : null);
}

async function openSession(named: string | null, signal: AbortSignal): Promise<Omit<Session, "again"> | Tenants> {
  const known = await get<Tenants>("api/v1/tenants", signal);
  const name = tenantFor(named, known);
  if (name === null) return known;
  const tenant = await get<Tenant>(path`api/v1/tenants/${name}`, signal);
  lastTenant.write(name);
  return { ...known, tenant };
}

/** Who has a link to a dashboard sees that, whoever they are; everyone else the page. */
export function App() {
  return usePlace().view === "shared" ? <SharedDashboard /> : <Page />;
}

function Page() {
  const place = usePlace();
  const named = place.params.get("tenant");
  const [round, setRound] = useState(0);
  const opened = useLoaded(`${named ?? ""} ${round}`, (signal) => openSession(named, signal));
  const [isOut, setOut] = useState(false);

  useEffect(() => {
    const out = () => setOut(true);
    signedOut.addEventListener("signedout", out);
    return () => signedOut.removeEventListener("signedout", out);
  }, []);

  if (isOut || (opened.error instanceof ApiError && opened.error.status === 401)) {
    const signedIn = () => {
      setOut(false);
      setRound((number) => number + 1);
    };
    return <SignIn onDone={signedIn} />;
  }
  if (opened.error) {
    return (
      <main class="alone">
        <ErrorNote error={opened.error} again={opened.again} />
        {named && opened.error.status === 403 && <a href="#/live">Show what is mine</a>}
      </main>
    );
  }
  if (!opened.data) {
    return (
      <main class="alone">
        <Waiting what="Opening" />
      </main>
    );
  }
  const signOut = async () => {
    try {
      await remove("auth/v1/session");
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 401)) throw error; // 401: the session is over already
    }
    setOut(true);
  };
  if (!("tenant" in opened.data)) {
    return (
      <main class="alone">
        <Empty icon="info" title="Nothing to look at yet" actions={<SignOut onClick={signOut} />}>
          You are signed in, and have no role in any tenant. Ask an owner to give you one.
        </Empty>
      </main>
    );
  }
  return (
    <SessionContext.Provider value={{ ...opened.data, again: opened.again }}>
      <Shell session={{ ...opened.data, again: opened.again }} onSignOut={signOut} />
    </SessionContext.Provider>
  );
}

const SignOut = ({ onClick }: { onClick: () => void }) => (
  <button type="button" class="button" onClick={onClick}>
    Sign out
  </button>
);

function Shell({ session, onSignOut }: { session: Session; onSignOut: () => void }) {
  const place = usePlace();
  const [isOpen, setOpen] = useState(false);
  const main = useRef<HTMLElement>(null);
  const menu = useRef<HTMLButtonElement>(null);
  const before = useRef(place.view);
  const view = viewNamed(place.view);

  useEffect(() => {
    if (place.view === "") go(linkTo(isFirstRun(session) ? "start" : FIRST), "replace");
    document.title = `${view?.title ?? "No such view"} · Millrace`;
    if (before.current !== place.view) {
      before.current = place.view;
      setOpen(false);
      window.scrollTo(0, 0);
      main.current?.focus({ preventScroll: true });
    }
  }, [place.view]);

  useEffect(() => {
    if (!isOpen) return;
    const close = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      setOpen(false);
      menu.current?.focus();
    };
    document.addEventListener("keydown", close);
    return () => document.removeEventListener("keydown", close);
  }, [isOpen]);

  if (place.view === "") return null;
  return (
    <div class="shell">
      <header class="frame">
        <a
          class="skip"
          href={location.hash}
          onClick={(event) => {
            event.preventDefault();
            main.current?.focus();
          }}
        >
          Skip to the content
        </a>
        <TopBar menu={menu} isOpen={isOpen} onToggle={() => setOpen(!isOpen)} />
        <Side session={session} current={place.view} isOpen={isOpen} onSignOut={onSignOut} />
      </header>
      <main class="main" ref={main} tabIndex={-1}>
        <div class="view" key={`${place.view} ${session.tenant.customer_id}`}>
          <Shown view={view} tenant={session.tenant} />
        </div>
      </main>
    </div>
  );
}

function Shown({ view, tenant }: { view: View | undefined; tenant: Tenant }) {
  if (!view) {
    const back = (
      <a class="button" href={linkTo(FIRST)}>
        Go to Live
      </a>
    );
    return (
      <>
        <Head title="No such view" />
        <section class="card">
          <Empty icon="info" title="The address names none of the page's views" actions={back}>
            It may have been cut off or mistyped.
          </Empty>
        </section>
      </>
    );
  }
  if (may(tenant, view.needs)) return <view.show />;
  return (
    <Empty icon="info" title={`${view.title} is not for you here`}>
      Your role in {tenant.customer_id} lets you look at dashboards and streams. An owner can let you ask questions as well.
    </Empty>
  );
}
