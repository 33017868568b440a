/** The fields of one permission, and saving it. */

import { useLayoutEffect, useMemo, useState } from "react";
import { FlaskConical, Trash2 } from "lucide-react";
import { change } from "../api/metadata";
import { problem, Refused } from "../api/http";
import { ownPermission, type Permission, type PermissionEntry } from "../model/metadata";
import { built, draftOf, dropping, rulesOf, saving, type Draft } from "../model/permission";
import type { Role } from "../model/roles";
import { useAdmin } from "../state/admin";
import { useMetadata } from "../state/metadata";
import { Notice } from "../ui/parts";
import { ColumnsField } from "./columns_field";
import { Conflict, type Overtaken } from "./conflict";
import type { EditorPlace } from "./editor";
import { LimitsFields } from "./limits_fields";
import { firstQuery, useTryAs } from "./matrix";
import type { Cell } from "./page";
import { PresetsField } from "./presets_field";
import { RuleField } from "./rule_field";

interface Props {
  cell: Cell;
  roles: Role[];
  place: EditorPlace;
  own: PermissionEntry | undefined;
  setDirty: (dirty: boolean) => void;
  close: (news?: string) => void;
}

export function EditorForm({ cell, roles, place, own, setDirty, close }: Props) {
  const { secret, noticed } = useAdmin();
  const { refresh } = useMetadata();
  const tryAs = useTryAs();
  // What is edited is what was read when the form opened, until the person has seen something newer.
  const [base, setBase] = useState({ version: place.read.resource_version, own });
  const [draft, setDraft] = useState<Draft>(() => draftOf(cell.operation, own));
  const [failure, setFailure] = useState<string | null>(null);
  const [overtaken, setOvertaken] = useState<Overtaken | null>(null);
  const [deleting, setDeleting] = useState(false);
  const [busy, setBusy] = useState(false);

  const { operation } = cell;
  const result = useMemo(() => built(operation, draft), [operation, draft]);
  const dirty = JSON.stringify(draft) !== JSON.stringify(draftOf(operation, base.own));
  // Before the next key is heard: it may be Escape, which asks whether there is anything to lose.
  useLayoutEffect(() => setDirty(dirty), [dirty, setDirty]);
  const edit = (part: Partial<Draft>) => setDraft((now) => ({ ...now, ...part }));
  const editOthers = (part: Partial<Permission>) =>
    setDraft((now) => ({ ...now, others: withoutUndefined({ ...now.others, ...part }) }));
  const target = { source: cell.source, table: place.table, operation, role: cell.role };

  const send = async (command: ReturnType<typeof saving>, news: string) => {
    setBusy(true);
    setFailure(null);
    try {
      await change(secret, command, base.version);
      setDirty(false);
      await refresh();
      close(news);
    } catch (error) {
      if (error instanceof Refused && error.isConflict) await look();
      else {
        noticed(error);
        setFailure(problem(error));
      }
    } finally {
      setBusy(false);
    }
  };
  const look = async () => {
    const now = await refresh();
    const table = now?.metadata.sources
      ?.find((each) => each.name === cell.source)
      ?.tables?.find((each) => JSON.stringify(each.table) === JSON.stringify(place.table.table));
    if (now) setOvertaken({ version: now.resource_version, own: table && ownPermission(table, operation, cell.role) });
  };
  const what = `${cell.role} ${operation} ${cell.table}`;
  const query = firstQuery({
    source: place.source,
    table: place.table,
    role: roles.find((each) => each.name === cell.role) ?? { name: cell.role },
    all: roles,
    columns: place.columns.map((each) => each.name),
  });

  return (
    <form
      className="drawer-form"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (!result.ok) setFailure(result.problem);
        else void send(saving(target, base.own !== undefined, result.permission, draft.comment), `Saved: ${what}.`);
      }}
    >
      <div className="drawer-body">
        {!base.own && <p className="muted">Not allowed so far. Saving allows what is chosen here.</p>}
        {rulesOf(operation).map((rule) => (
          <RuleField key={rule} rule={rule} operation={operation} place={place} role={cell.role} text={draft.rules[rule] ?? ""}
            setText={(text) => edit({ rules: { ...draft.rules, [rule]: text } })}
          />
        ))}
        {operation !== "delete" && (
          <ColumnsField operation={operation} place={place} permission={draft.others} edit={editOthers} />
        )}
        {(operation === "insert" || operation === "update") && (
          <PresetsField columns={place.columns} presets={draft.presets} setPresets={(presets) => edit({ presets })} />
        )}
        <LimitsFields operation={operation} draft={draft} edit={edit} editOthers={editOthers} />
        <details className="field">
          <summary>As it is stored</summary>
          <pre tabIndex={0}>{result.ok ? JSON.stringify(result.permission, null, 2) : result.problem}</pre>
        </details>
      </div>
      <div className="drawer-foot">
        {failure && <Notice kind="bad">{failure}</Notice>}
        {overtaken && (
          <Conflict
            base={base.own}
            now={overtaken}
            keep={() => {
              setBase(overtaken);
              setOvertaken(null);
            }}
            take={() => {
              setBase(overtaken);
              setDraft(draftOf(operation, overtaken.own));
              setOvertaken(null);
            }}
          />
        )}
        <div className="actions">
          <button type="submit" className="primary" disabled={busy || overtaken !== null || (!dirty && base.own !== undefined)}>
            {busy ? "Saving …" : "Save permission"}
          </button>
          {query && (
            <button type="button" onClick={() => tryAs(cell.role, query)} disabled={dirty}
              title={dirty ? "Save first: what is tried is what is saved." : `Query ${cell.table} as ${cell.role}`}
            >
              <FlaskConical size={16} aria-hidden="true" /> Try as {cell.role}
            </button>
          )}
          {base.own && !overtaken && (
            <button
              type="button"
              className="danger"
              disabled={busy}
              onClick={() => (deleting ? void send(dropping(target), `Deleted: ${what}.`) : setDeleting(true))}
              onBlur={() => setDeleting(false)}
            >
              <Trash2 size={16} aria-hidden="true" /> {deleting ? "Really delete?" : "Delete"}
            </button>
          )}
        </div>
      </div>
    </form>
  );
}

function withoutUndefined(permission: Permission): Permission {
  return Object.fromEntries(Object.entries(permission).filter(([, value]) => value !== undefined));
}
