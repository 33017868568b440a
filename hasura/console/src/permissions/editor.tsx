/** One permission: of a role, on a table, for an operation. It is saved as a whole, at the version that was read. */

import { useEffect, useMemo, useState } from "react";
import * as Dialog from "@radix-ui/react-dialog";
import { X } from "lucide-react";
import { isPostgres, OPERATIONS, ownPermission, findTable } from "../model/metadata";
import { access, type Role } from "../model/roles";
import { columnsOf } from "../model/structure";
import { useMetadata } from "../state/metadata";
import { EditorForm } from "./form";
import { LevelMark } from "./level";
import type { Cell } from "./page";

interface Props {
  cell: Cell;
  roles: Role[];
  go: (cell: Cell) => void;
  close: (news?: string) => void;
}

export function Editor({ cell, roles, go, close }: Props) {
  const [dirty, setDirty] = useState(false);
  const [leaving, setLeaving] = useState<(() => void) | null>(null);
  useEffect(() => {
    if (!dirty) return;
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener("beforeunload", warn);
    return () => removeEventListener("beforeunload", warn);
  }, [dirty]);
  const leave = (how: () => void) => (dirty ? setLeaving(() => how) : how());

  return (
    <Dialog.Root open onOpenChange={(open) => open || leave(() => close())}>
      <Dialog.Portal>
        <Dialog.Overlay className="overlay" />
        <Dialog.Content
          className="own drawer"
          aria-describedby={undefined}
          tabIndex={-1}
          onOpenAutoFocus={(event) => {
            event.preventDefault();
            (event.currentTarget as HTMLElement).focus();
          }}
        >
          <div className="drawer-head">
            <Dialog.Title>
              <span>{cell.role}</span> <span className="muted">on</span> <span>{cell.table}</span>
            </Dialog.Title>
            <span className="muted small">{cell.source}</span>
            <Dialog.Close className="icon-button" aria-label="Close">
              <X size={18} aria-hidden="true" />
            </Dialog.Close>
          </div>
          <Operations cell={cell} roles={roles} go={(next) => leave(() => go(next))} />
          {leaving && (
            <div className="notice info" role="alert">
              What you changed is not saved.{" "}
              <span className="actions">
                <button type="button" onClick={() => setLeaving(null)} autoFocus>
                  Keep editing
                </button>
                <button type="button" className="danger" onClick={leaving}>
                  Discard
                </button>
              </span>
            </div>
          )}
          <Body cell={cell} roles={roles} setDirty={setDirty} close={close} />
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

function Operations({ cell, roles, go }: { cell: Cell; roles: Role[]; go: (cell: Cell) => void }) {
  const place = usePlace(cell);
  const role = roles.find((each) => each.name === cell.role) ?? { name: cell.role };
  if (!place) return null;
  return (
    <div className="segments" role="group" aria-label="Operation">
      {OPERATIONS.map((operation) => {
        const { level, inherited } = access(place.table, operation, role, roles, place.columns.length);
        return (
          <button
            key={operation}
            type="button"
            aria-pressed={operation === cell.operation}
            onClick={() => operation !== cell.operation && go({ ...cell, operation })}
          >
            <LevelMark level={level} inherited={inherited.length > 0} /> {operation}
          </button>
        );
      })}
    </div>
  );
}

/** Where a cell is in the metadata that was read last. */
export function usePlace(cell: Cell) {
  const { read } = useMetadata();
  return useMemo(() => {
    const source = read?.metadata.sources?.find((each) => each.name === cell.source && isPostgres(each));
    const table = source && findTable(source, cell.table);
    if (!read || !table) return null;
    const structure = read.structures.get(source.name);
    return { read, source, table, structure, columns: columnsOf(table, structure) };
  }, [read, cell.source, cell.table]);
}

interface BodyProps {
  cell: Cell;
  roles: Role[];
  setDirty: (dirty: boolean) => void;
  close: (news?: string) => void;
}

function Body({ cell, roles, setDirty, close }: BodyProps) {
  const place = usePlace(cell);
  const [overriding, setOverriding] = useState(false);
  if (!place) return <p className="drawer-body">There is no tracked table {cell.table} in {cell.source}.</p>;
  const role = roles.find((each) => each.name === cell.role) ?? { name: cell.role };
  const own = ownPermission(place.table, cell.operation, cell.role);
  if (role.parents && !own && !overriding) {
    const { inherited } = access(place.table, cell.operation, role, roles, place.columns.length);
    return (
      <div className="drawer-body">
        <p>
          <strong>{role.name}</strong> is an inherited role: it may what {role.parents.join(" or ")} may.
        </p>
        <p>
          {inherited.length === 0
            ? `None of them may ${cell.operation} here.`
            : `Here ${cell.operation} comes from ${inherited.join(" and ")}. Change it there.`}
        </p>
        <button type="button" onClick={() => setOverriding(true)}>
          Give it a permission of its own instead
        </button>
      </div>
    );
  }
  return <EditorForm cell={cell} roles={roles} place={place} own={own} setDirty={setDirty} close={close} />;
}

export type EditorPlace = NonNullable<ReturnType<typeof usePlace>>;
