/** The tables of a source, with a group of columns for each role. */

import { FlaskConical, Table2, View } from "lucide-react";
import { useLocation } from "wouter";
import { exampleQuery } from "../model/graphql_names";
import { OPERATIONS, ownPermission, spelled, type SourceEntry, type TableEntry } from "../model/metadata";
import { access, ancestors, type Role } from "../model/roles";
import { columnsOf } from "../model/structure";
import type { Read } from "../state/metadata";
import { useRunAs } from "../state/run_as";
import { LevelMark } from "./level";
import type { Cell } from "./page";

interface Props {
  read: Read;
  source: SourceEntry;
  tables: TableEntry[];
  roles: Role[];
  /** Those that inherited roles may come from. */
  all: Role[];
  open: (cell: Cell) => void;
}

export function Matrix({ read, source, tables, roles, all, open }: Props) {
  const structure = read.structures.get(source.name);
  return (
    <div className="matrix-frame">
      <table className="matrix">
        <thead>
          <tr>
            <th scope="col" rowSpan={2} className="table-name">
              Table
            </th>
            {roles.map((role) => (
              <th key={role.name} scope="colgroup" colSpan={OPERATIONS.length + 1} className="role">
                <RoleName role={role} />
              </th>
            ))}
          </tr>
          <tr>
            {roles.map((role) => [
              ...OPERATIONS.map((operation) => (
                <th key={`${role.name} ${operation}`} scope="col" className="operation">
                  {operation}
                </th>
              )),
              <th key={`${role.name} try`} scope="col" className="operation try">
                try
              </th>,
            ])}
          </tr>
        </thead>
        <tbody>
          {tables.map((table) => {
            const name = spelled(table.table);
            const columns = columnsOf(table, structure);
            const Icon = structure?.get(name)?.kind === "view" ? View : Table2;
            return (
              <tr key={name}>
                <th scope="row" className="table-name">
                  <span>
                    <Icon size={15} aria-hidden="true" />
                    <span title={name}>{name}</span>
                  </span>
                </th>
                {roles.map((role) => [
                  ...OPERATIONS.map((operation) => {
                    const { level, summary, inherited } = access(table, operation, role, all, columns.length);
                    const label = `${role.name} ${operation} ${name}: ${summary}`;
                    return (
                      <td key={`${role.name} ${operation}`}>
                        <button
                          type="button"
                          className="cell"
                          aria-label={label}
                          title={label}
                          onClick={() => open({ source: source.name, table: name, role: role.name, operation })}
                        >
                          <LevelMark level={level} inherited={inherited.length > 0} />
                        </button>
                      </td>
                    );
                  }),
                  <td key={`${role.name} try`} className="try">
                    <TryButton source={source} table={table} role={role} all={all} columns={columns.map((each) => each.name)} />
                  </td>,
                ])}
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

function RoleName({ role }: { role: Role }) {
  const tryAs = useTryAs();
  return (
    <span className="role-name">
      <span title={role.name}>{role.name}</span>
      {role.parents && (
        <span className="badge" title={`Inherits from ${role.parents.join(", ")}`}>
          = {role.parents.join(" + ")}
        </span>
      )}
      <button type="button" className="icon-button" onClick={() => tryAs(role.name)} aria-label={`Try as ${role.name}`} title={`Try as ${role.name}`}>
        <FlaskConical size={15} aria-hidden="true" />
      </button>
    </span>
  );
}

/** Goes to the API page as the role, with a query to begin with. */
export function useTryAs(): (role: string, query?: string) => void {
  const { setRunAs, setPending } = useRunAs();
  const [, go] = useLocation();
  return (role, query) => {
    setRunAs({ role });
    if (query) setPending(query);
    go("/api");
  };
}

interface TryProps {
  source: SourceEntry;
  table: TableEntry;
  role: Role;
  all: Role[];
  columns: string[];
}

/** A query of the columns that the role may read; nothing where it reads none. */
export function firstQuery({ source, table, role, all, columns }: TryProps): string | undefined {
  const entries = [role.name, ...ancestors(role, all)].map((name) => ownPermission(table, "select", name));
  const granted = entries.flatMap((entry) => (entry ? [entry.permission.columns ?? []] : []));
  if (granted.length === 0) return undefined;
  const readable = columns.filter((name) => granted.some((list) => list === "*" || list.includes(name)));
  return exampleQuery(source, table, readable);
}

function TryButton(props: TryProps) {
  const tryAs = useTryAs();
  const query = firstQuery(props);
  if (!query) return null;
  const label = `Try ${spelled(props.table.table)} as ${props.role.name}`;
  return (
    <button type="button" className="cell" aria-label={label} title={label} onClick={() => tryAs(props.role.name, query)}>
      <FlaskConical size={15} aria-hidden="true" />
    </button>
  );
}
