/** Somebody else changed the metadata while this permission was edited: nothing was saved, and here is what is now. */

import type { PermissionEntry } from "../model/metadata";

export interface Overtaken {
  version: number;
  own: PermissionEntry | undefined;
}

interface Props {
  base: PermissionEntry | undefined;
  now: Overtaken;
  /** Goes on with the own edit, on top of what is now. */
  keep: () => void;
  /** Forgets it. */
  take: () => void;
}

export function Conflict({ base, now, keep, take }: Props) {
  const untouched = JSON.stringify(base) === JSON.stringify(now.own);
  return (
    <div className="notice bad" role="alert">
      <p>
        <strong>Not saved: the metadata was changed by somebody else meanwhile.</strong>{" "}
        {untouched
          ? "This permission is as you saw it; something else has changed."
          : now.own
            ? "This permission is now:"
            : "This permission is deleted now."}
      </p>
      {!untouched && now.own && <pre tabIndex={0}>{JSON.stringify(now.own.permission, null, 2)}</pre>}
      <div className="actions">
        <button type="button" onClick={keep}>
          {untouched ? "Go on, then save again" : "Keep mine, then save again"}
        </button>
        {!untouched && (
          <button type="button" onClick={take}>
            Take theirs
          </button>
        )}
      </div>
    </div>
  );
}
