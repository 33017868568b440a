/** A row rule: every row, or a JSON expression with what is wrong with it and what may be in it. */

import { useId, useMemo, useRef } from "react";
import { OPERATIONS, ownPermission, relationships, type Operation } from "../model/metadata";
import { textOf, type Rule } from "../model/permission";
import { findings, OPERATORS, parse } from "../model/rules";
import type { EditorPlace } from "./editor";

const TITLES: Record<Operation, Partial<Record<Rule, [title: string, none: string]>>> = {
  select: { filter: ["Which rows may be read", "Every row"] },
  insert: { check: ["Which rows may be inserted", "Any row"] },
  update: { filter: ["Which rows may be updated", "Every row"], check: ["What must hold after the update", "Nothing"] },
  delete: { filter: ["Which rows may be deleted", "Every row"] },
};

interface Props {
  rule: Rule;
  operation: Operation;
  role: string;
  place: EditorPlace;
  text: string;
  setText: (text: string) => void;
}

export function RuleField({ rule, operation, role, place, text, setText }: Props) {
  const id = useId();
  const area = useRef<HTMLTextAreaElement>(null);
  const [title, none] = TITLES[operation][rule]!;
  const parsed = useMemo(() => parse(text), [text]);
  const doubts = useMemo(() => (parsed.ok ? findings(parsed.rule, place) : []), [parsed, place]);
  const isEmpty = text.trim() === "" || text.trim() === "{}";
  const said = !parsed.ok || doubts.length > 0;

  const insert = (piece: string) => {
    const box = area.current!;
    box.focus();
    const [from, to] = [box.selectionStart, box.selectionEnd];
    setText(text.slice(0, from) + piece + text.slice(to));
    requestAnimationFrame(() => box.setSelectionRange(from + piece.length, from + piece.length));
  };

  return (
    <fieldset className="field">
      <legend>{title}</legend>
      <div className="chips">
        <button type="button" aria-pressed={isEmpty} onClick={() => setText("{}")}>
          {none}
        </button>
        {suggestions(place, role, operation, rule).map(({ name, text: suggested }) => (
          <button key={name} type="button" aria-pressed={suggested === text} onClick={() => setText(suggested)}>
            {name}
          </button>
        ))}
      </div>
      <label htmlFor={id} className="small muted">
        As JSON
      </label>
      <textarea
        id={id}
        ref={area}
        className="code"
        spellCheck={false}
        rows={Math.min(Math.max(text.split("\n").length, 3), 18)}
        value={text}
        onChange={(event) => setText(event.target.value)}
        aria-invalid={!parsed.ok}
        aria-describedby={said ? `${id}-said` : undefined}
      />
      <div id={`${id}-said`} aria-live="polite">
        {!parsed.ok && (
          <p className="problem">
            {parsed.line !== undefined && `Line ${parsed.line}: `}
            {parsed.problem}
          </p>
        )}
        {doubts.length > 0 && (
          <ul className="doubts">
            {doubts.map(({ path, problem }) => (
              <li key={path + problem}>
                <code>{path}</code> {problem}
              </li>
            ))}
          </ul>
        )}
      </div>
      <RuleHelp place={place} insert={insert} />
    </fieldset>
  );
}

/** The usual rule, and those that the role has on the table already. */
function suggestions(place: EditorPlace, role: string, operation: Operation, rule: Rule) {
  const found = new Map<string, string>();
  const add = (name: string, text: string) => {
    if (text !== "{}" && ![...found.values()].includes(text)) found.set(name, text);
  };
  const owner = place.columns.find(({ name }) => /^(user_id|owner_id|author_id|account_id)$/.test(name));
  if (owner) add("Own rows", textOf({ [owner.name]: { _eq: "X-Hasura-User-Id" } }));
  for (const other of OPERATIONS) {
    const permission = ownPermission(place.table, other, role)?.permission;
    for (const each of ["filter", "check"] as const)
      if (permission?.[each] && !(other === operation && each === rule))
        add(`As for ${other}${each === "check" && other === "update" ? " (after)" : ""}`, textOf(permission[each]));
  }
  return [...found].map(([name, text]) => ({ name, text }));
}

function RuleHelp({ place, insert }: { place: EditorPlace; insert: (piece: string) => void }) {
  return (
    <details className="help">
      <summary>What may be in it</summary>
      <p>
        <code>{'{"column": {"_eq": value}}'}</code>; several are combined with <code>_and</code>. A value may be a
        session variable such as <code>"X-Hasura-User-Id"</code>. A relationship leads to the columns of its table.
        Press a name to insert it.
      </p>
      <Pieces title="Columns" insert={insert} pieces={place.columns.map(({ name, type }) => ({ name, hint: type, text: `"${name}": {"_eq": }` }))} />
      <Pieces title="Relationships" insert={insert} pieces={relationships(place.table).map(({ name }) => ({ name, text: `"${name}": {}` }))} />
      <Pieces
        title="Logic"
        insert={insert}
        pieces={[
          { name: "_and", text: '"_and": []' },
          { name: "_or", text: '"_or": []' },
          { name: "_not", text: '"_not": {}' },
          { name: "_exists", text: '"_exists": {"_table": {"schema": "public", "name": ""}, "_where": {}}' },
        ]}
      />
      {Object.entries(OPERATORS).map(([title, names]) => (
        <Pieces key={title} title={title} insert={insert} pieces={names.map((name) => ({ name, text: `"${name}": ` }))} />
      ))}
    </details>
  );
}

interface PiecesProps {
  title: string;
  pieces: { name: string; hint?: string; text: string }[];
  insert: (piece: string) => void;
}

function Pieces({ title, pieces, insert }: PiecesProps) {
  if (pieces.length === 0) return null;
  return (
    <div className="pieces">
      <span className="small muted">{title}</span>
      <div>
        {pieces.map(({ name, hint, text }) => (
          <button key={name} type="button" className="piece" title={hint} onClick={() => insert(text)}>
            {name}
          </button>
        ))}
      </div>
    </div>
  );
}
