/** The role and the session variables of the requests. */

import { useState } from "react";
import { Plus, UserRound, X } from "lucide-react";
import type { Role } from "../model/roles";
import { ADMIN, useRunAs } from "../state/run_as";

interface Props {
  roles: Role[];
  /** The variables that are shown. */
  names: string[];
  /** Those of them that the role's permissions ask for. */
  asked: string[];
}

export function RunAsBar({ roles, names, asked }: Props) {
  const { runAs, setRunAs } = useRunAs();
  const isAdmin = runAs.role === ADMIN;
  const known = [ADMIN, ...roles.map((role) => role.name)];
  const parents = roles.find((role) => role.name === runAs.role)?.parents;
  return (
    <div className="own run-as" role="group" aria-label="Session">
      <UserRound size={16} aria-hidden="true" />
      <label htmlFor="run-as">Run as</label>
      <select id="run-as" value={runAs.role} onChange={(event) => setRunAs({ role: event.target.value })}>
        {(known.includes(runAs.role) ? known : [...known, runAs.role]).map((name) => (
          <option key={name}>{name}</option>
        ))}
      </select>
      {isAdmin ? (
        <span className="muted small">the admin secret alone: every table, every row</span>
      ) : (
        <>
          {parents && <span className="badge">= {parents.join(" + ")}</span>}
          {names.map((name) => (
            <label key={name} className="variable">
              <code>{name}</code>
              <input
                className="code"
                spellCheck={false}
                autoComplete="off"
                placeholder={asked.includes(name) ? "asked for by its permissions" : "not sent while empty"}
                value={runAs.variables[name] ?? ""}
                onChange={(event) => setRunAs({ variables: { ...runAs.variables, [name]: event.target.value } })}
              />
              {!asked.includes(name) && (
                <button
                  type="button"
                  className="icon-button"
                  aria-label={`Remove ${name}`}
                  onClick={() => setRunAs({ added: runAs.added.filter((each) => each !== name) })}
                >
                  <X size={15} aria-hidden="true" />
                </button>
              )}
            </label>
          ))}
          <AddVariable />
          <label className="small" title="x-hasura-use-backend-only-permissions">
            <input
              type="checkbox"
              checked={runAs.backendOnly}
              onChange={(event) => setRunAs({ backendOnly: event.target.checked })}
            />{" "}
            as a backend
          </label>
        </>
      )}
    </div>
  );
}

const RESERVED = ["x-hasura-role", "x-hasura-admin-secret", "x-hasura-use-backend-only-permissions"];

function AddVariable() {
  const { runAs, setRunAs } = useRunAs();
  const [name, setName] = useState("");
  const given = name.trim().toLowerCase();
  const full = given.startsWith("x-hasura-") ? given : `x-hasura-${given}`;
  const usable = /^x-hasura-[a-z0-9-]+$/.test(full) && !RESERVED.includes(full);
  return (
    <form
      className="with-button"
      onSubmit={(event) => {
        event.preventDefault();
        if (!usable) return;
        setRunAs({ added: [...new Set([...runAs.added, full])] });
        setName("");
      }}
    >
      <input
        className="code"
        placeholder="x-hasura-…"
        aria-label="Name of another session variable"
        spellCheck={false}
        value={name}
        onChange={(event) => setName(event.target.value)}
        aria-invalid={given !== "" && !usable}
      />
      <button type="submit" className="icon-button" aria-label="Add the session variable" disabled={given === "" || !usable}>
        <Plus size={16} aria-hidden="true" />
      </button>
    </form>
  );
}
