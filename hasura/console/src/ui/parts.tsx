/** Small parts that several pages show. */

import { useState, useSyncExternalStore, type ReactNode } from "react";
import { Check, Copy, LoaderCircle } from "lucide-react";

export function Loading({ what }: { what: string }) {
  return (
    <p className="loading" role="status">
      <LoaderCircle className="spin" size={18} aria-hidden="true" /> Loading {what} …
    </p>
  );
}

export function Notice({ kind, children }: { kind: "good" | "bad" | "info"; children: ReactNode }) {
  return (
    <div className={`notice ${kind}`} role={kind === "bad" ? "alert" : "status"}>
      {children}
    </div>
  );
}

/** A command or a text to be taken elsewhere. */
export function Copyable({ text, label }: { text: string; label: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  const Icon = copied ? Check : Copy;
  return (
    <div className="copyable">
      <pre tabIndex={0}>{text}</pre>
      {navigator.clipboard && (
        <button type="button" className="icon-button" onClick={() => void copy()} aria-label={`Copy ${label}`}>
          <Icon size={16} aria-hidden="true" />
        </button>
      )}
    </div>
  );
}

const narrow = matchMedia("(max-width: 720px)");

export function useNarrow(): boolean {
  return useSyncExternalStore(
    (changed) => {
      narrow.addEventListener("change", changed);
      return () => narrow.removeEventListener("change", changed);
    },
    () => narrow.matches,
  );
}
