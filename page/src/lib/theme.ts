// Dark or light: as the system has it, or as the person chose.
import { useEffect, useState } from "preact/hooks";
import { remembered } from "./hooks";

export type Choice = "system" | "light" | "dark";

const kept = remembered("theme");
const system = matchMedia("(prefers-color-scheme: dark)");
const told = new EventTarget();

export const chosen = (): Choice => {
  const value = kept.read();
  return value === "light" || value === "dark" ? value : "system";
};

const themeNow = () => (chosen() === "system" ? (system.matches ? "dark" : "light") : chosen()) as "light" | "dark";

export function applyTheme(): void {
  const root = document.documentElement;
  // All at once: what fades from one to the other cannot be read meanwhile.
  root.classList.add("still");
  root.dataset["theme"] = themeNow();
  requestAnimationFrame(() => requestAnimationFrame(() => root.classList.remove("still")));
  told.dispatchEvent(new Event("changed"));
}

export function choose(choice: Choice): void {
  kept.write(choice);
  applyTheme();
}

system.addEventListener("change", applyTheme);

/** The theme that is shown. */
export function useTheme(): "light" | "dark" {
  const [theme, set] = useState(themeNow);
  useEffect(() => {
    const changed = () => set(themeNow());
    told.addEventListener("changed", changed);
    return () => told.removeEventListener("changed", changed);
  }, []);
  return theme;
}
