// Above the list: which shelf it shows. Below it, while rows are chosen: what to do with them.
import { useState } from "react";
import { DropdownMenu } from "@radix-ui/themes";
import { useWords } from "$/public/js/words.js";
import { countsOf, sum } from "$/public/js/sessions/categories.jsx";
import { layer } from "$/public/js/sessions/dialogs.jsx";
import { Icon, IconButton } from "$/public/js/sessions/icons.jsx";
import { below } from "$/public/js/sessions/menu.jsx";

const SHELVES = [
  ["active", "messages-square"],
  ["archived", "archive"],
  ["trash", "trash-2"],
];

export function ShelfBar({ shelf, categories, selecting, empty, onShelf, onSelect, onEmpty }) {
  const t = useWords();
  const [open, setOpen] = useState(false);
  return (
    <div className="shelf-bar">
      <DropdownMenu.Root open={open} modal={false} onOpenChange={setOpen}>
        {open && <div className="menu-backdrop" aria-hidden="true" />}
        <DropdownMenu.Trigger>
          <button type="button" className="shelf-button" data-testid="shelf">
            {t(`sessions.shelf.${shelf}`)}
            <Icon name="chevron-down" size={14} />
          </button>
        </DropdownMenu.Trigger>
        <DropdownMenu.Content className="session-menu" variant="soft" container={open ? layer() : undefined}>
          <DropdownMenu.RadioGroup value={shelf} onValueChange={onShelf}>
            {SHELVES.map(([name, icon]) => (
              <DropdownMenu.RadioItem key={name} value={name}>
                <Icon name={icon} size={15} />
                <span className="shelf-name">{t(`sessions.shelf.${name}`)}</span>
                <span className="chip-count">{sum(countsOf(categories, name)).toLocaleString(t.locale)}</span>
              </DropdownMenu.RadioItem>
            ))}
          </DropdownMenu.RadioGroup>
        </DropdownMenu.Content>
      </DropdownMenu.Root>
      <span className="shelf-actions">
        {shelf === "trash" && !empty && (
          <button type="button" className="text-button small" onClick={onEmpty}>
            {t("sessions.empty-trash")}
          </button>
        )}
        {!empty && !selecting && <IconButton icon="list-checks" label={t("sessions.select-several")} onClick={onSelect} />}
      </span>
    </div>
  );
}

export function BulkBar({ shelf, selection, onMenu, onArchive, onTrash, onRestore, onForget }) {
  const t = useWords();
  const none = !selection.ids.length;
  return (
    <div className="bulk-bar" role="toolbar" aria-label={t("sessions.bulk")} data-testid="bulk-bar">
      <button type="button" className="text-button small" onClick={selection.all}>
        {t("sessions.all")}
      </button>
      <span className="bulk-count" role="status">
        {t("sessions.selected", { count: selection.ids.length })}
      </span>
      {shelf === "trash" ? (
        <>
          <IconButton icon="undo-2" label={t("sessions.restore")} disabled={none} onClick={onRestore} />
          <IconButton icon="trash-2" label={t("sessions.forget")} disabled={none} onClick={onForget} />
        </>
      ) : (
        <>
          {shelf === "active" && <IconButton icon="archive" label={t("sessions.archive")} disabled={none} onClick={onArchive} />}
          <IconButton icon="trash-2" label={t("sessions.delete")} disabled={none} onClick={onTrash} />
          <IconButton
            icon="ellipsis"
            label={t("sessions.more")}
            disabled={none}
            aria-haspopup="menu"
            onClick={(event) => onMenu(below(event.currentTarget))}
          />
        </>
      )}
      <IconButton icon="x" label={t("sessions.select-end")} onClick={selection.end} />
    </div>
  );
}
