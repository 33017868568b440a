/** Values that a role does not choose: they are set with each row that it inserts or updates. */

import { Plus, X } from "lucide-react";
import type { Column } from "../model/structure";

interface Props {
  columns: Column[];
  presets: [string, string][];
  setPresets: (presets: [string, string][]) => void;
}

export function PresetsField({ columns, presets, setPresets }: Props) {
  const replace = (index: number, preset: [string, string]) =>
    setPresets(presets.map((each, place) => (place === index ? preset : each)));
  return (
    <fieldset className="field">
      <legend>Values that are set for the role</legend>
      {presets.length > 0 && (
        <ul className="presets">
          {presets.map(([column, value], index) => (
            <li key={index}>
              <select aria-label={`Column of preset ${index + 1}`} value={column}
                onChange={(event) => replace(index, [event.target.value, value])}
              >
                <option value="">column</option>
                {names(columns, column).map((name) => (
                  <option key={name}>{name}</option>
                ))}
              </select>
              <input
                aria-label={`Value of preset ${index + 1}`}
                className="code"
                placeholder="X-Hasura-User-Id, or a value"
                value={value}
                onChange={(event) => replace(index, [column, event.target.value])}
              />
              <button
                type="button"
                className="icon-button"
                aria-label={`Remove preset ${index + 1}`}
                onClick={() => setPresets(presets.filter((_, place) => place !== index))}
              >
                <X size={16} aria-hidden="true" />
              </button>
            </li>
          ))}
        </ul>
      )}
      <div className="actions">
        <button type="button" onClick={() => setPresets([...presets, ["", ""]])}>
          <Plus size={16} aria-hidden="true" /> Add a preset
        </button>
        <span className="muted small">
          Text, a session variable, or JSON: <code>true</code>, <code>5</code>, <code>null</code>.
        </span>
      </div>
    </fieldset>
  );
}

function names(columns: Column[], chosen: string): string[] {
  const all = columns.map((column) => column.name);
  return chosen === "" || all.includes(chosen) ? all : [...all, chosen];
}
