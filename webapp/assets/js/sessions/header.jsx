// The name of the open session, and what can be done with the whole of it.
import { useState } from "react";
import { useNavigate } from "react-router";
import { act, useAction } from "$/public/js/actions.js";
import { useWords } from "$/public/js/words.js";
import { TitleInput } from "$/public/js/title_input.jsx";
import { rename, titleOf, trash } from "$/public/js/sessions/changes.js";
import { namesOf } from "$/public/js/sessions/categories.jsx";
import { Confirmation } from "$/public/js/sessions/dialogs.jsx";
import { IconButton } from "$/public/js/sessions/icons.jsx";
import { SessionMenu, below } from "$/public/js/sessions/menu.jsx";
import { useSession } from "$/public/js/sessions/store.js";
import { SidebarToggle } from "$/public/js/sessions/toggle.jsx";

// `told` is what the page's state knows of the session; the list's store usually knows it sooner.
export function SessionHeader({ sessionId, told, categories, empty, onClear }) {
  const t = useWords();
  const navigate = useNavigate();
  const listed = useSession(sessionId);
  const [renaming, setRenaming] = useState("");
  const [menu, setMenu] = useState(null);
  const [clearing, setClearing] = useState("");
  const row = listed ?? { ...told, session_id: sessionId };
  const title = titleOf(row, t);
  const open = (id) => !id || id === sessionId;

  useAction("rename", ({ sessionId: id, title: wanted }) => {
    if (!open(id)) return;
    if (wanted) rename(sessionId, wanted, t);
    else setRenaming(sessionId);
  });
  useAction("clear", ({ sessionId: id }) => open(id) && !empty && setClearing(sessionId));
  const remove = () =>
    trash([sessionId], t, { leave: () => navigate("/chat"), comeBack: () => navigate(`/chat/${sessionId}`) });

  return (
    <header className="session-header">
      <SidebarToggle opens />
      {renaming && renaming === sessionId ? (
        <TitleInput
          label={t("sessions.new-name")}
          placeholder={t("sessions.name")}
          longest={200}
          value={title}
          saveOnLeave
          onSave={({ title: wanted }) => {
            setRenaming("");
            rename(sessionId, wanted, t);
          }}
          onCancel={() => setRenaming("")}
        />
      ) : (
        <h1>
          <button
            type="button"
            className="title-button"
            title={t("sessions.rename")}
            data-testid="session-title"
            onClick={() => setRenaming(sessionId)}
          >
            {title}
          </button>
        </h1>
      )}
      <div className="header-actions">
        <IconButton
          icon="eraser"
          label={t("sessions.clear")}
          className="wide-only"
          disabled={empty}
          onClick={() => setClearing(sessionId)}
        />
        <IconButton icon="trash-2" label={t("sessions.delete-this")} className="wide-only" onClick={remove} />
        <IconButton
          icon="ellipsis"
          label={t("sessions.more")}
          aria-haspopup="menu"
          onClick={(event) => setMenu(below(event.currentTarget))}
        />
      </div>
      <SessionMenu
        place={menu}
        rows={row.shelf ? [row] : []}
        categories={namesOf(categories)}
        onClose={() => setMenu(null)}
        onRename={() => setTimeout(() => setRenaming(sessionId))}
        onTrash={remove}
        onMove={() => act("move", { sessionId })}
        onClear={empty ? null : () => setClearing(sessionId)}
      />
      {clearing && clearing === sessionId && (
        <Confirmation
          title={t("sessions.clear-title")}
          text={t("sessions.clear-text")}
          yes={t("sessions.clear-yes")}
          no={t("sessions.clear-no")}
          onYes={() => onClear(sessionId)}
          onClose={() => setClearing("")}
        />
      )}
    </header>
  );
}
