import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { ApiError } from "../lib/api";
import { ErrorNote } from "./basics";
import { Icon } from "./icon";

/** A dialog over the page: the browser keeps the focus in it, and Escape closes it. */
export function Dialog(props: { title: string; onClose: () => void; children: ComponentChildren }) {
  const id = useId();
  const place = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const before = document.activeElement;
    place.current!.showModal();
    // Back to where the keyboard was; to the view where that is gone by now.
    return () => {
      const place = before instanceof HTMLElement && before.isConnected ? before : document.querySelector("main");
      place?.focus();
    };
  }, []);
  return (
    <dialog ref={place} class="dialog" aria-labelledby={id} onClose={props.onClose}>
      <header>
        <h2 id={id}>{props.title}</h2>
        <button type="button" class="button quiet square" aria-label="Close" onClick={props.onClose}>
          <Icon name="close" />
        </button>
      </header>
      {props.children}
    </dialog>
  );
}

/** Asks before something is destroyed that nothing brings back. */
export function Confirm(props: {
  title: string;
  action: string;
  /** What has to be typed first, where it matters more than a click can say. */
  typed?: string;
  busy: boolean;
  error: ApiError | null;
  onConfirm: () => void;
  onClose: () => void;
  children: ComponentChildren;
}) {
  const [text, setText] = useState("");
  const isReady = !props.busy && (props.typed === undefined || text === props.typed);
  return (
    <Dialog title={props.title} onClose={props.onClose}>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          if (isReady) props.onConfirm();
        }}
      >
        <div class="stack">{props.children}</div>
        {props.typed !== undefined && (
          <label class="field">
            <span>
              Type <code>{props.typed}</code> to go on
            </span>
            <input class="input" autofocus autocomplete="off" spellcheck={false} value={text} onInput={(event) => setText(event.currentTarget.value)} />
          </label>
        )}
        {props.error && <ErrorNote error={props.error} />}
        <div class="row ends">
          <button type="button" class="button" autofocus={props.typed === undefined} onClick={props.onClose}>
            Cancel
          </button>
          <button class="button danger" disabled={!isReady}>
            {props.busy && <Icon name="spin" class="spin" size={15} />}
            {props.action}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** Says that something was done, and takes it back where that can be. */
export function Done(props: { children: ComponentChildren; onUndo?: () => void; onClose: () => void }) {
  return (
    <div class="note done" role="status">
      <Icon name="check" />
      <div class="grows">{props.children}</div>
      {props.onUndo && (
        <button type="button" class="button quiet" onClick={props.onUndo}>
          Undo
        </button>
      )}
      <button type="button" class="button quiet square" aria-label="Dismiss" onClick={props.onClose}>
        <Icon name="close" size={15} />
      </button>
    </div>
  );
}
