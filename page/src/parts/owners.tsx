// What only whoever administers a tenant sees: the others are told why, and what there is instead.
import type { ComponentChildren } from "preact";
import { ApiError } from "../lib/api";
import type { Loading } from "../lib/hooks";
import { may, useSession } from "../lib/session";
import { Card, Code, Empty, ErrorNote, Waiting } from "./basics";

interface Props {
  /** What it is, as the beginning of a sentence. */
  what: string;
  /** The command that does it on the server. */
  command: string;
  children: ComponentChildren;
}

export function ForOwners({ what, command, children }: Props) {
  const session = useSession();
  if (may(session.tenant, "admin")) return <>{children}</>;
  if (session.auth === "open") {
    return (
      <Card>
        <Empty icon="info" title={`${what} need somebody to be signed in`}>
          This server is open: whoever reaches it may send and ask, and nobody is asked who they are, so nothing is administered from a
          browser. Start it with <code>MILLRACE_AUTH=required</code> to do it here. On the server itself it is done by a command:
          <Code text={command} what="the command" />
        </Empty>
      </Card>
    );
  }
  return (
    <Card>
      <Empty icon="info" title={`${what} are for owners`}>
        Your role in {session.tenant.customer_id} does not administer it. Ask an owner to do it, or to make you one.
      </Empty>
    </Card>
  );
}

/** What was asked of the admin API: the answer, that it is on its way, or what is wrong. */
export function Administered<T>(props: { of: Loading<T>; command: string; children: (data: T) => ComponentChildren }) {
  const { data, error, again } = props.of;
  if (error && isElsewhere(error)) return <Elsewhere command={props.command} />;
  return (
    <>
      {error && <ErrorNote error={error} again={again} />}
      {!data && !error && <Waiting what="Loading" />}
      {data && props.children(data)}
    </>
  );
}

/** Whether the process that answers serves no admin API: services of their own, without the gateway in front. */
export const isElsewhere = (error: ApiError | null): boolean => error?.status === 404 && error.message === "Not Found";

export const Elsewhere = ({ command }: { command: string }) => (
  <Empty icon="info" title="Not administered by this process">
    The consumer serves the admin API, and nothing sends <code>/admin/v1</code> there: the gateway of the compose project and the chart's
    ingress do. On the server:
    <Code text={command} what="the command" />
  </Empty>
);
