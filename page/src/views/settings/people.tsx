import { useState } from "preact/hooks";
import { giveRole, invite, passwordLink, peopleOf, takeRole, type Person, type Role } from "../../lib/admin";
import { ApiError, whole } from "../../lib/api";
import { date } from "../../lib/format";
import { useLoaded, useTask } from "../../lib/hooks";
import { isOperator, useSession, useTenant } from "../../lib/session";
import { Card, Copy, ErrorNote, Select } from "../../parts/basics";
import { Done } from "../../parts/dialog";
import { Administered, ForOwners } from "../../parts/owners";

const ROLES = [
  ["viewer", "viewer"],
  ["analyst", "analyst"],
  ["owner", "owner"],
] as const;

/** A link by which somebody sets a password, or that they need none. */
interface Told {
  email: string;
  link: string | null;
}

export function People() {
  const { customer_id: id } = useTenant();
  const command = `millrace user add bob@example.com ${id} --role analyst`;
  return (
    <ForOwners what="People" command={command}>
      <PeopleList command={command} />
    </ForOwners>
  );
}

function PeopleList({ command }: { command: string }) {
  const session = useSession();
  const id = session.tenant.customer_id;
  const people = useLoaded(`people ${id}`, (signal) => peopleOf(id, isOperator(session), signal));
  const [told, setTold] = useState<Told | null>(null);
  return (
    <div class="stack">
      {told && <Link told={told} onClose={() => setTold(null)} />}
      <Invite
        onDone={(done) => {
          setTold(done);
          people.again();
        }}
      />
      <Card title={`Who may look at ${id}`} said="Viewers look at dashboards and streams, analysts also ask in SQL, owners also administer" flush>
        <Administered of={people} command={command}>
          {(all) => <Everyone people={all} onLink={setTold} onChanged={people.again} />}
        </Administered>
      </Card>
    </div>
  );
}

function Link({ told, onClose }: { told: Told; onClose: () => void }) {
  if (told.link === null) {
    return <Done onClose={onClose}>{told.email} had an account here already, and has the role from now on.</Done>;
  }
  const link = whole(told.link);
  return (
    <Card
      title={`A link for ${told.email}`}
      said="Whoever opens it within a day sets the password. It works once: send it to nobody else"
      class="made"
      aside={
        <button type="button" class="button" onClick={onClose}>
          I have it
        </button>
      }
    >
      <div class="row key" role="status">
        <code>{link}</code>
        <Copy text={link} what="the link" />
      </div>
    </Card>
  );
}

function Invite({ onDone }: { onDone: (told: Told) => void }) {
  const { customer_id: id } = useTenant();
  const [email, setEmail] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  const inviting = useTask(async () => {
    const to = email.trim();
    try {
      const made = await invite(to, id, role);
      onDone({ email: made.email, link: made.link });
    } catch (error) {
      if (!(error instanceof ApiError && error.code === "user_exists")) throw error;
      const known = await giveRole(to, id, role);
      onDone({ email: known.email, link: null });
    }
    setEmail("");
  });
  return (
    <Card title="Let somebody in" said="They have one account here, with a role in each tenant">
      <form
        class="row invite"
        onSubmit={(event) => {
          event.preventDefault();
          void inviting.start();
        }}
      >
        <input
          class="input"
          type="email"
          required
          aria-label="Email"
          placeholder="bob@example.com"
          autocomplete="off"
          value={email}
          onInput={(event) => setEmail(event.currentTarget.value)}
        />
        <Select hidden label="Role" class="fit" value={role} options={ROLES} onChange={setRole} />
        <button class="button first" disabled={inviting.busy}>
          Invite
        </button>
      </form>
      {inviting.error && <ErrorNote error={inviting.error} />}
    </Card>
  );
}

function Everyone(props: { people: Person[]; onLink: (told: Told) => void; onChanged: () => void }) {
  const { tenant } = useSession();
  const id = tenant.customer_id;
  // What was chosen shows at once, and goes back where the server refuses it.
  const [chosen, setChosen] = useState<Record<string, Role>>({});
  const [gone, setGone] = useState<{ email: string; role: Role } | null>(null);
  const giving = useTask(async (_, email: string, role: Role) => {
    setChosen((before) => ({ ...before, [email]: role }));
    try {
      await giveRole(email, id, role);
      setGone(null);
    } catch (error) {
      setChosen(({ [email]: _refused, ...rest }) => rest);
      throw error;
    }
    props.onChanged();
  });
  const taking = useTask(async (_, email: string, role: Role) => {
    await takeRole(email, id);
    setGone({ email, role });
    props.onChanged();
  });
  const linking = useTask(async (_, email: string) => props.onLink({ email, link: (await passwordLink(email)).link }));
  const error = giving.error ?? taking.error ?? linking.error;
  const there = props.people.filter((one) => one.email !== gone?.email);
  return (
    <>
      {gone && (
        <Done onUndo={() => void giving.start(gone.email, gone.role)} onClose={() => setGone(null)}>
          {gone.email} has no role here any more.
        </Done>
      )}
      {error && <ErrorNote error={error} />}
      {there.length === 0 && <p class="foot-note muted">Nobody has a role in this tenant alone.</p>}
      <ul class="lines" aria-label="People">
        {there.map((one) => (
          <PersonLine
            key={one.email}
            one={one}
            role={chosen[one.email] ?? one.roles[id]}
            onGive={(role) => void giving.start(one.email, role)}
            onTake={(role) => void taking.start(one.email, role)}
            onLink={() => void linking.start(one.email)}
          />
        ))}
      </ul>
    </>
  );
}

function PersonLine(props: {
  one: Person;
  role: Role | undefined;
  onGive: (role: Role) => void;
  onTake: (role: Role) => void;
  onLink: () => void;
}) {
  const { one, role } = props;
  const session = useSession();
  const isSelf = one.email === session.email;
  return (
    <li class="line">
      <div class="grows">
        <p class="row">
          <strong>{one.email}</strong>
          {isSelf && <span class="badge accent">you</span>}
          {one.disabled && <span class="badge bad">kept out</span>}
          {one.roles["*"] && <span class="badge">{one.roles["*"]} of every tenant</span>}
        </p>
        <p class="small muted">since {date(new Date(one.created_at), session.tenant.time_zone)}</p>
      </div>
      {isSelf ? (
        <p class="small muted">{role ? `${role}: ` : ""}another owner changes your role</p>
      ) : (
        <div class="row">
          <button type="button" class="button quiet" aria-label={`Password link for ${one.email}`} onClick={props.onLink}>
            Password link
          </button>
          {role && (
            <>
              <Select hidden label={`Role of ${one.email}`} class="fit" value={role} options={ROLES} onChange={props.onGive} />
              <button type="button" class="button" aria-label={`Remove ${one.email}`} onClick={() => props.onTake(role)}>
                Remove
              </button>
            </>
          )}
        </div>
      )}
    </li>
  );
}
