// Who asks, and about whose data.
import { createContext } from "preact";
import { useContext } from "preact/hooks";

export type Right = "admin" | "ingest" | "query" | "view";

export interface Tenant {
  customer_id: string;
  time_zone: string;
  rights: Right[];
}

export interface Tenants {
  auth: "open" | "required";
  who: string;
  email: string | null;
  every_tenant: boolean;
  tenants: Tenant[];
}

export interface Session extends Tenants {
  tenant: Tenant;
  /** Ask anew what is known of the tenant: its time zone was changed, for example. */
  again: () => void;
}

export const SessionContext = createContext<Session | null>(null);

/** The session; views are shown only where there is one. */
export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error("no session");
  return session;
}

export const useTenant = (): Tenant => useSession().tenant;
/** Whether the person administers all tenants: what a tenant may send is settled by them. */
export const isOperator = (session: Session): boolean => session.every_tenant && may(session.tenant, "admin");
/** Whether somebody has just become the owner of a server that has no tenant. */
export const isFirstRun = (session: Session): boolean =>
  session.auth === "required" && isOperator(session) && session.tenants.length === 0;
export const may = (tenant: Tenant, right: Right): boolean => tenant.rights.includes(right);
