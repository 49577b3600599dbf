import type { RefObject } from "preact";
import { useEffect, useState } from "preact/hooks";
import icon from "../icon.svg";
import { go, linkTo } from "../lib/place";
import type { Session } from "../lib/session";
import { choose, chosen, type Choice } from "../lib/theme";
import { VIEWS } from "../views";
import { Icon } from "./icon";

const Brand = () => (
  <a class="brand" href={linkTo("live")}>
    <img src={icon} alt="" />
    Millrace
  </a>
);

export function TopBar({ menu, isOpen, onToggle }: { menu: RefObject<HTMLButtonElement | null>; isOpen: boolean; onToggle: () => void }) {
  return (
    <div class="topbar">
      <Brand />
      <button type="button" ref={menu} class="button quiet square" aria-expanded={isOpen} aria-controls="side" aria-label="Menu" onClick={onToggle}>
        <Icon name={isOpen ? "close" : "menu"} size={20} />
      </button>
    </div>
  );
}

export function Side(props: { session: Session; current: string; isOpen: boolean; onSignOut: () => void }) {
  const groups = [...new Set(Object.values(VIEWS).map((view) => view.group))];
  return (
    <div class="side" id="side" data-open={props.isOpen}>
      <Brand />
      <TenantPicker session={props.session} />
      <nav class="links" aria-label="Views">
        {groups.map((group) => (
          <div key={group} role="group" aria-label={group}>
            <div class="group" aria-hidden="true">
              {group}
            </div>
            {Object.entries(VIEWS)
              .filter(([, view]) => view.group === group)
              .map(([name, view]) => (
                <a key={name} href={linkTo(name)} aria-current={name === props.current ? "page" : undefined}>
                  <Icon name={view.icon} />
                  {view.title}
                </a>
              ))}
          </div>
        ))}
      </nav>
      <div class="foot">
        <ThemePicker />
        {props.session.email && (
          <div class="who">
            <span title={props.session.email}>{props.session.email}</span>
            <button type="button" class="button quiet square" aria-label="Sign out" title="Sign out" onClick={props.onSignOut}>
              <Icon name="leave" />
            </button>
          </div>
        )}
      </div>
    </div>
  );
}

/** Which tenant: of a list, or, for whoever may look at any, by its name. */
function TenantPicker({ session }: { session: Session }) {
  const now = session.tenant.customer_id;
  const [text, setText] = useState(now);
  useEffect(() => setText(now), [now]);
  const names = [...new Set([now, ...session.tenants.map((tenant) => tenant.customer_id)])].sort();
  const show = (name: string) => {
    if (name && name !== now) go(linkTo(location.hash.replace(/^#\/|\?.*$/g, ""), { tenant: name }));
  };
  if (!session.every_tenant) {
    if (names.length === 1) return <p class="tenant-name">{now}</p>;
    return (
      <select class="input tenant" aria-label="Tenant" value={now} onChange={(event) => show(event.currentTarget.value)}>
        {names.map((name) => (
          <option key={name}>{name}</option>
        ))}
      </select>
    );
  }
  return (
    <form
      class="tenant"
      onSubmit={(event) => {
        event.preventDefault();
        show(text.trim());
      }}
    >
      <input
        class="input"
        aria-label="Tenant"
        list="tenants"
        value={text}
        spellcheck={false}
        autocomplete="off"
        pattern="[A-Za-z0-9_\-][A-Za-z0-9_.\-]{0,63}"
        title="Letters, digits, _ . and -"
        onInput={(event) => {
          const typed = event.currentTarget.value;
          setText(typed);
          // Chosen from the list, not typed.
          if (event.inputType === "insertReplacementText" || !event.inputType) show(typed);
        }}
        onBlur={() => setText(now)}
      />
      <datalist id="tenants">
        {names.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
    </form>
  );
}

const NEXT: Record<Choice, Choice> = { system: "light", light: "dark", dark: "system" };
const NAMES: Record<Choice, string> = { system: "System colours", light: "Light", dark: "Dark" };

export function ThemePicker() {
  const [choice, set] = useState(chosen);
  return (
    <button
      type="button"
      class="button quiet theme"
      title="Change the colours"
      onClick={() => {
        choose(NEXT[choice]);
        set(NEXT[choice]);
      }}
    >
      <Icon name={choice === "system" ? "system" : choice === "light" ? "sun" : "moon"} />
      {NAMES[choice]}
    </button>
  );
}
