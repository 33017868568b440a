/** How far a role may go, as a mark. */

import { Check, ListFilter, X } from "lucide-react";
import type { Level } from "../model/roles";

const MARKS = { full: Check, partial: ListFilter, none: X };
const WORDS = { full: "allowed", partial: "partly allowed", none: "not allowed" };

export function LevelMark({ level, inherited = false }: { level: Level; inherited?: boolean }) {
  const Mark = MARKS[level];
  return (
    <span className={`level ${level}${inherited ? " inherited" : ""}`}>
      <Mark size={15} strokeWidth={2.4} aria-hidden="true" />
    </span>
  );
}

export function Legend() {
  return (
    <p className="legend small muted">
      {(Object.keys(MARKS) as Level[]).map((level) => (
        <span key={level}>
          <LevelMark level={level} /> {WORDS[level]}
        </span>
      ))}
      <span>
        <LevelMark level="partial" inherited /> inherited
      </span>
      <span>The role admin may do everything.</span>
    </p>
  );
}
