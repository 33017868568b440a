/** The columns that a permission names, and the computed fields of a select permission. */

import type { Operation, Permission } from "../model/metadata";
import type { EditorPlace } from "./editor";

interface Props {
  operation: Operation;
  place: EditorPlace;
  permission: Permission;
  edit: (part: Partial<Permission>) => void;
}

const TITLES = { select: "Columns that may be read", insert: "Columns that may be given", update: "Columns that may be set" };

export function ColumnsField({ operation, place, permission, edit }: Props) {
  const all = place.columns.map((column) => column.name);
  const every = permission.columns === "*";
  const chosen = permission.columns === "*" ? all : (permission.columns ?? []);
  const gone = chosen.filter((name) => !all.includes(name));
  const toggle = (name: string) =>
    edit({ columns: inOrder(chosen.includes(name) ? chosen.filter((each) => each !== name) : [...chosen, name], all) });
  const computed = place.table.computed_fields ?? [];
  const fields = permission.computed_fields ?? [];

  return (
    <fieldset className="field">
      <legend>{TITLES[operation as keyof typeof TITLES]}</legend>
      <div className="chips">
        <button type="button" aria-pressed={!every && chosen.length === all.length} onClick={() => edit({ columns: all })}>
          All {all.length}
        </button>
        <button type="button" aria-pressed={!every && chosen.length === 0} onClick={() => edit({ columns: [] })}>
          None
        </button>
        <button type="button" aria-pressed={every} onClick={() => edit({ columns: "*" })}>
          All, and those to come
        </button>
      </div>
      <div className="checks">
        {[...place.columns, ...gone.map((name) => ({ name, type: "is not in the table" }))].map(({ name, type }) => (
          <label key={name}>
            <input type="checkbox" checked={chosen.includes(name)} disabled={every} onChange={() => toggle(name)} />
            <span>{name}</span> <span className="muted small">{type}</span>
          </label>
        ))}
        {operation === "select" &&
          computed.map(({ name }) => (
            <label key={name}>
              <input
                type="checkbox"
                checked={fields.includes(name)}
                onChange={() =>
                  edit({ computed_fields: fields.includes(name) ? fields.filter((each) => each !== name) : [...fields, name] })
                }
              />
              <span>{name}</span> <span className="muted small">computed</span>
            </label>
          ))}
      </div>
    </fieldset>
  );
}

/** As the table has them; those that it has no more come last. */
function inOrder(names: string[], all: string[]): string[] {
  return [...all.filter((name) => names.includes(name)), ...names.filter((name) => !all.includes(name))];
}
