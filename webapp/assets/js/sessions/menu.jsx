// What can be done with a session, or with several: one menu for the whole list, opened where it was asked for.
import { DropdownMenu } from "@radix-ui/themes";
import { act } from "$/public/js/actions.js";
import { useWords } from "$/public/js/words.js";
import { archive, closeDrawer, move, pin, restore, unarchive } from "$/public/js/sessions/changes.js";
import { Icon } from "$/public/js/sessions/icons.jsx";
import { layer } from "$/public/js/sessions/dialogs.jsx";

// Where a menu opens: below the button that was pressed, or where the pointer is.
export const below = (element) => {
  const { left, top, width, height } = element.getBoundingClientRect();
  return { left, top, width, height };
};
export const at = (event) =>
  event.clientX || event.clientY
    ? { left: event.clientX, top: event.clientY, width: 0, height: 0 }
    : below(event.currentTarget); // by the keyboard

function Item({ icon, name, keys, danger, onSelect }) {
  return (
    <DropdownMenu.Item color={danger ? "red" : undefined} shortcut={keys} onSelect={onSelect}>
      <Icon name={icon} size={15} />
      <span>{name}</span>
    </DropdownMenu.Item>
  );
}

// Another program's window: the drawer makes room for it.
const elsewhere = (name, sessionId) => {
  closeDrawer();
  act(name, { sessionId });
};

export function SessionMenu({ place, rows, categories, onClose, onRename, onSelect, onTrash, onForget, onMove, onClear, keys }) {
  const t = useWords();
  if (!place || !rows.length) return null;
  const ids = rows.map((row) => row.session_id);
  const [row] = rows;
  const one = rows.length === 1;
  const { shelf } = row;
  const fine = matchMedia("(hover: hover)").matches; // a pointer, and so, likely, keys
  const pinned = rows.every((other) => other.is_pinned);
  return (
    // Not "modal": that would hide a page from screen readers in which the keyboard can still be.
    <DropdownMenu.Root open modal={false} onOpenChange={(open) => !open && onClose()}>
      <div className="menu-backdrop" aria-hidden="true" />
      <DropdownMenu.Trigger>
        <span className="menu-anchor" style={place} aria-hidden="true" />
      </DropdownMenu.Trigger>
      <DropdownMenu.Content
        className="session-menu"
        size="2"
        variant="soft"
        container={layer()}
        aria-label={one ? t("sessions.menu-of", { title: row.title }) : t("sessions.menu")}
        onCloseAutoFocus={(event) => event.preventDefault()}
        onKeyDown={(event) => event.stopPropagation()}
      >
        {shelf === "trash" ? (
          <>
            <Item icon="undo-2" name={t("sessions.restore")} onSelect={() => restore(ids, t)} />
            {onSelect && <Item icon="list-checks" name={t("sessions.select")} onSelect={() => onSelect(row.session_id)} />}
            <DropdownMenu.Separator />
            <Item icon="trash-2" danger name={t("sessions.forget")} onSelect={() => onForget(ids)} />
          </>
        ) : (
          <>
            {one && onRename && <Item icon="pencil" name={t("sessions.rename")} keys={fine ? "F2" : undefined} onSelect={() => onRename(row.session_id)} />}
            {shelf === "active" && (
              <Item
                icon={pinned ? "pin-off" : "pin"}
                name={t(pinned ? "sessions.unpin" : "sessions.pin")}
                onSelect={() => pin(ids, !pinned, t)}
              />
            )}
            {/* A menu beside the menu has no room on a phone. */}
            {fine ? (
              <DropdownMenu.Sub>
                <DropdownMenu.SubTrigger>
                  <Icon name="folder-input" size={15} />
                  <span>{t("sessions.move")}</span>
                </DropdownMenu.SubTrigger>
                <DropdownMenu.SubContent className="session-menu" container={layer()}>
                  <DropdownMenu.RadioGroup value={one ? row.category : ""} onValueChange={(category) => move(ids, category, t)}>
                    {categories.map((category) => (
                      <DropdownMenu.RadioItem key={category} value={category}>
                        <span className="menu-category">{category}</span>
                      </DropdownMenu.RadioItem>
                    ))}
                  </DropdownMenu.RadioGroup>
                  <DropdownMenu.Separator />
                  <Item icon="folder-plus" name={t("sessions.new-category-item")} onSelect={() => onMove(ids)} />
                </DropdownMenu.SubContent>
              </DropdownMenu.Sub>
            ) : (
              <Item icon="folder-input" name={t("sessions.move-item")} onSelect={() => onMove(ids)} />
            )}
            {shelf === "active" ? (
              <Item icon="archive" name={t("sessions.archive")} onSelect={() => archive(ids, t)} />
            ) : (
              <Item icon="archive-restore" name={t("sessions.unarchive")} onSelect={() => unarchive(ids, t)} />
            )}
            {one && (
              <>
                <DropdownMenu.Separator />
                <Item icon="download" name={t("sessions.export")} onSelect={() => elsewhere("export", row.session_id)} />
                <Item
                  icon="sliders-horizontal"
                  name={t("sessions.settings")}
                  onSelect={() => elsewhere("session-settings", row.session_id)}
                />
              </>
            )}
            {onSelect && <Item icon="list-checks" name={t("sessions.select")} onSelect={() => onSelect(row.session_id)} />}
            <DropdownMenu.Separator />
            {onClear && <Item icon="eraser" name={t("sessions.clear")} onSelect={onClear} />}
            <Item icon="trash-2" danger name={t("sessions.delete")} keys={keys && fine && t("sessions.delete-key")} onSelect={() => onTrash(ids)} />
          </>
        )}
      </DropdownMenu.Content>
    </DropdownMenu.Root>
  );
}
