import * as icons from "lucide";
import { h } from "preact";

// Named here, so that only these are bundled.
const KNOWN = {
  activity: icons.Activity,
  alert: icons.TriangleAlert,
  arrow: icons.ArrowRight,
  board: icons.LayoutDashboard,
  bug: icons.Bug,
  bookmark: icons.Bookmark,
  chart: icons.ChartSpline,
  check: icons.Check,
  clock: icons.Clock,
  close: icons.X,
  copy: icons.Copy,
  database: icons.DatabaseZap,
  down: icons.ThumbsDown,
  download: icons.Download,
  expand: icons.Maximize,
  file: icons.FileJson,
  filter: icons.ListFilter,
  funnel: icons.Funnel,
  gear: icons.SlidersHorizontal,
  grip: icons.GripVertical,
  history: icons.History,
  info: icons.Info,
  leave: icons.LogOut,
  key: icons.KeyRound,
  letters: icons.MailWarning,
  link: icons.Link,
  menu: icons.Menu,
  moon: icons.Moon,
  pause: icons.Pause,
  pencil: icons.Pencil,
  play: icons.Play,
  plus: icons.Plus,
  refresh: icons.RefreshCw,
  repeat: icons.Repeat,
  rocket: icons.Rocket,
  route: icons.Waypoints,
  search: icons.Search,
  settings: icons.Settings,
  send: icons.ArrowUp,
  share: icons.Share2,
  spark: icons.Sparkles,
  spin: icons.LoaderCircle,
  square: icons.Square,
  sun: icons.Sun,
  system: icons.Monitor,
  tags: icons.Tags,
  terminal: icons.SquareTerminal,
  trash: icons.Trash2,
  up: icons.ThumbsUp,
  user: icons.UserRound,
} as const;

export type IconName = keyof typeof KNOWN;

/** An icon for the eye alone; what it is beside, or the button around it, has the name. */
export function Icon({ name, size = 16, class: className }: { name: IconName; size?: number; class?: string }) {
  return (
    <svg
      xmlns="http://www.w3.org/2000/svg"
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width="1.9"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
      class={className}
    >
      {KNOWN[name].map(([tag, attributes], number) => h(tag, { ...attributes, key: number }))}
    </svg>
  );
}
