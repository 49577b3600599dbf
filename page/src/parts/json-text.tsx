// A JSON object to be written or corrected: what keeps it from being one stands below it.
import { mistakeIn } from "../lib/indent";

interface Props {
  label: string;
  value: string;
  onChange: (value: string) => void;
  rows?: number;
  class?: string;
}

export function JsonText({ label, value, onChange, rows, class: more = "" }: Props) {
  const mistake = mistakeIn(value);
  return (
    <>
      <textarea
        class={`input mono ${more}`}
        rows={rows}
        aria-label={label}
        aria-invalid={mistake !== null}
        spellcheck={false}
        value={value}
        onInput={(event) => onChange(event.currentTarget.value)}
      />
      {mistake && (
        <p class="small failed" role="status">
          {mistake}
        </p>
      )}
    </>
  );
}
