import { change, usePlace } from "../../lib/place";
import { useSession } from "../../lib/session";
import { Head, Segments } from "../../parts/basics";
import { Keys } from "./keys";
import { People } from "./people";
import { Requests } from "./requests";
import { TenantSettings } from "./tenant";
import { TrailOfChanges } from "./trail";

const PARTS = {
  tenant: { title: "Tenant", show: TenantSettings },
  keys: { title: "Keys", show: Keys },
  people: { title: "People", show: People },
  privacy: { title: "Privacy requests", show: Requests },
  trail: { title: "Trail", show: TrailOfChanges },
} as const;

type Part = keyof typeof PARTS;

export function Settings() {
  const { tenant } = useSession();
  const { params } = usePlace();
  const asked = params.get("part") ?? "";
  const part: Part = Object.hasOwn(PARTS, asked) ? (asked as Part) : "tenant";
  const Show = PARTS[part].show;
  const others = [...params.keys()].filter((name) => name !== "tenant" && name !== "part");
  return (
    <>
      <Head title="Settings">
        <div class="scroll">
          <Segments
            label="Settings of"
            value={part}
            options={Object.entries(PARTS).map(([name, one]) => [name as Part, one.title] as const)}
            onChange={(next) => change({ ...Object.fromEntries(others.map((name) => [name, undefined])), part: next })}
          />
        </div>
      </Head>
      <Show key={`${part} ${tenant.customer_id}`} />
    </>
  );
}
