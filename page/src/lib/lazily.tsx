// Views that are not the first one load their code when they are opened.
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Empty, Waiting } from "../parts/basics";

/** A view whose module is loaded once, when it is shown first. */
export function lazily(load: () => Promise<ComponentType>): ComponentType {
  let known: ComponentType | null = null;
  return function Lazy() {
    const [, setRound] = useState(0);
    const [isGone, setGone] = useState(false);
    useEffect(() => {
      if (known) return;
      let isLeft = false;
      load().then(
        (component) => {
          known = component;
          if (!isLeft) setRound((round) => round + 1);
        },
        () => !isLeft && setGone(true),
      );
      return () => {
        isLeft = true;
      };
    }, []);
    if (known) {
      const Show = known;
      return <Show />;
    }
    if (!isGone) return <Waiting what="Loading" />;
    const again = (
      <button type="button" class="button first" onClick={() => location.reload()}>
        Load the page anew
      </button>
    );
    return (
      <Empty icon="alert" title="This part of the page did not load" actions={again}>
        The server does not answer, or has another version of the page by now.
      </Empty>
    );
  };
}
