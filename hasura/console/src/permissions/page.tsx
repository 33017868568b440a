/** Roles × tables × operations; what is chosen of it is in the address, so that it can be shared. */

import { useState } from "react";
import { Plus, RefreshCw, Search } from "lucide-react";
import { Link, useSearchParams } from "wouter";
import { isPostgres, OPERATIONS, spelled, type Operation } from "../model/metadata";
import { rolesOf, type Role } from "../model/roles";
import { useMetadata } from "../state/metadata";
import { ADMIN } from "../state/run_as";
import { Loading, Notice, useNarrow } from "../ui/parts";
import { Editor } from "./editor";
import { Legend } from "./level";
import { Matrix } from "./matrix";

export interface Cell {
  source: string;
  table: string;
  role: string;
  operation: Operation;
}

export function PermissionsPage() {
  const { read, failure, refresh } = useMetadata();
  const [parameters, setParameters] = useSearchParams();
  const [newRoles, setNewRoles] = useState<string[]>([]);
  const [wanted, setWanted] = useState("");
  const [saved, setSaved] = useState("");
  const narrow = useNarrow();
  if (!read) return failure ? null : <Loading what="the permissions" />;

  const known = rolesOf(read.metadata);
  const added = newRoles.filter((name) => !known.some((role) => role.name === name));
  const roles: Role[] = [...known, ...added.map((name) => ({ name }))];
  const cell = cellOf(parameters);
  const only = parameters.get("role");
  const shown = narrow ? roles.filter((role) => role.name === (only ?? roles[0]?.name)) : roles;
  const sources = (read.metadata.sources ?? []).filter(isPostgres);
  const matches = (name: string) => name.toLowerCase().includes(wanted.trim().toLowerCase());

  const open = (next: Cell) => {
    setSaved("");
    setParameters({ source: next.source, table: next.table, role: next.role, operation: next.operation });
  };
  const close = (news = "") => {
    setSaved(news);
    setParameters(cell && narrow ? { role: cell.role } : {});
  };
  const addRole = (name: string) => {
    setNewRoles([...added, name]);
    if (narrow) setParameters({ role: name });
  };

  return (
    <div className="own page wide">
      <div className="own page-head">
        <h1>Permissions</h1>
        <div className="actions">
          <div className="search">
            <Search size={16} aria-hidden="true" />
            <input
              type="search"
              placeholder="Find a table"
              aria-label="Find a table"
              value={wanted}
              onChange={(event) => setWanted(event.target.value)}
            />
          </div>
          <NewRole taken={roles} add={addRole} />
          <button type="button" className="icon-button" onClick={() => void refresh()} aria-label="Read again" title="Read again">
            <RefreshCw size={16} aria-hidden="true" />
          </button>
        </div>
      </div>
      <Legend />
      {saved && (
        <Notice kind="good">
          {saved} It holds now. <Link href="/cli">To keep it in the files …</Link>
        </Notice>
      )}
      {narrow && roles.length > 0 && (
        <label className="role-choice">
          <span>Role</span>
          <select
            value={shown[0]?.name ?? ""}
            onChange={(event) => setParameters({ role: event.target.value })}
          >
            {roles.map((role) => (
              <option key={role.name}>{role.name}</option>
            ))}
          </select>
        </label>
      )}
      {sources.map((source) => {
        const tables = (source.tables ?? [])
          .filter((each) => matches(spelled(each.table)))
          .sort((one, other) => spelled(one.table).localeCompare(spelled(other.table), "en", { numeric: true }));
        return (
          <section key={source.name} aria-label={`Source ${source.name}`} className="source">
            <h2>
              {source.name} <span className="muted small">{source.tables?.length ?? 0} tables</span>
            </h2>
            {!read.structures.has(source.name) && (
              <Notice kind="info">
                The database of this source does not answer: of its columns only those are shown that a permission names.
              </Notice>
            )}
            {tables.length === 0 ? (
              <p className="muted">{wanted ? "No table has that in its name." : "No table is tracked."}</p>
            ) : roles.length === 0 ? (
              <p className="muted">Nobody but admins may do anything here. Add a role to allow something.</p>
            ) : (
              <Matrix read={read} source={source} tables={tables} roles={shown} all={roles} open={open} />
            )}
          </section>
        );
      })}
      {cell && <Editor key={Object.values(cell).join("\n")} cell={cell} roles={roles} go={open} close={close} />}
    </div>
  );
}

function cellOf(parameters: URLSearchParams): Cell | null {
  const [source, table, role, operation] = ["source", "table", "role", "operation"].map((name) => parameters.get(name));
  if (!source || !table || !role || !OPERATIONS.includes(operation as Operation)) return null;
  return { source, table, role, operation: operation as Operation };
}

function NewRole({ taken, add }: { taken: Role[]; add: (name: string) => void }) {
  const [name, setName] = useState("");
  const trimmed = name.trim();
  const exists = trimmed === ADMIN || taken.some((role) => role.name === trimmed);
  return (
    <form
      className="with-button new-role"
      onSubmit={(event) => {
        event.preventDefault();
        if (trimmed === "" || exists) return;
        add(trimmed);
        setName("");
      }}
    >
      <input
        placeholder="New role"
        aria-label="Name of a new role"
        value={name}
        onChange={(event) => setName(event.target.value)}
        aria-invalid={exists}
        title={exists ? "There is a role of that name." : "It exists from its first permission on."}
      />
      <button type="submit" className="icon-button" aria-label="Add the role" disabled={trimmed === "" || exists}>
        <Plus size={16} aria-hidden="true" />
      </button>
    </form>
  );
}
