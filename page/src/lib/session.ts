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
}

export const SessionContext = createContext<Session | null>(null);

/** The session; views are shown only where there is one. */
export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error("no session");
  return session;
}

export const useTenant = (): Tenant => useSession().tenant;
export const may = (tenant: Tenant, right: Right): boolean => tenant.rights.includes(right);
