// Keeps the newest message in view until the reader scrolls up. The column runs in reverse (css/messages.css), so the
// browser itself keeps the place at both ends: at the bottom when words arrive, further up when older ones do.
import { useRef, useState } from "react";

const NEAR = 80;

export function MessageScroller({ label, jumpLabel, children }) {
  const scroller = useRef(null);
  const [away, setAway] = useState(false);
  return (
    <div className="scroller-frame">
      <div
        ref={scroller}
        className="scroller"
        role="log"
        aria-label={label}
        tabIndex={0}
        onScroll={() => setAway(scroller.current.scrollTop < -NEAR)}
      >
        <div className="scroller-content">{children}</div>
      </div>
      {away && (
        <button
          type="button"
          className="jump-button"
          data-testid="jump-to-latest"
          onClick={() => scroller.current.scrollTo({ top: 0, behavior: "smooth" })}
        >
          {jumpLabel}
        </button>
      )}
    </div>
  );
}
