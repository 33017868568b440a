// One session of the list.
import { memo } from "react";
import { Link } from "react-router";
import { TitleInput } from "$/public/js/title_input.jsx";
import { closeDrawer, titleOf } from "$/public/js/sessions/changes.js";
import { brief, inFull } from "$/public/js/sessions/groups.js";
import { Icon, IconButton } from "$/public/js/sessions/icons.jsx";
import { at, below } from "$/public/js/sessions/menu.jsx";

const MOST_SHOWN = 99;

export const SessionRow = memo(function SessionRow({ row, place, total, t, current, editing, selecting, selected, reachable, list }) {
  const id = row.session_id;
  const title = titleOf(row, t);
  const news = row.unread > 0 && !current && row.shelf === "active";
  const moment = row.deleted_at && row.shelf === "trash" ? row.deleted_at : row.updated_at;
  const facts = (
    <span className="session-facts">
      <span className="message-count">{t("sessions.messages", { count: row.total_messages })}</span>
      <time className="local-time" dateTime={moment}>
        {brief(moment, t.locale)}
      </time>
    </span>
  );
  const content = (
    <>
      <span className="session-title">{title}</span>
      {news && (
        <span className="unread" data-testid="unread">
          {row.unread > MOST_SHOWN ? `${MOST_SHOWN}+` : row.unread}
          <span className="visually-hidden"> {t("sessions.unread")}</span>
        </span>
      )}
      {facts}
    </>
  );
  const shared = {
    className: news ? "session-content has-news" : "session-content",
    title: `${title}\n${inFull(moment, t.locale)}`,
    tabIndex: reachable ? 0 : -1,
    "data-session": id,
  };
  return (
    <div
      role="listitem"
      aria-posinset={place}
      aria-setsize={total}
      className={`session-item${current ? " current" : ""}${selected ? " selected" : ""}`}
      data-testid="session-item"
      draggable={!editing && row.shelf !== "trash"}
      onDragStart={(event) => list.drag(event, id)}
      onDragEnd={list.endDrag}
      onContextMenu={(event) => {
        event.preventDefault();
        list.openMenu(id, at(event));
      }}
    >
      {editing ? (
        <TitleInput
          label={t("sessions.new-name")}
          placeholder={t("sessions.name")}
          longest={200}
          value={title}
          saveOnLeave
          onSave={({ title: wanted }) => list.rename(id, wanted)}
          onCancel={() => list.rename(id, "")}
        />
      ) : (
        <>
          {selecting ? (
            <button
              type="button"
              role="checkbox"
              aria-checked={selected}
              aria-label={title}
              {...shared}
              className={`${shared.className} choosing`}
              onClick={(event) => list.toggle(id, event.shiftKey)}
            >
              <span className="session-check">{selected && <Icon name="check" size={13} />}</span>
              {content}
            </button>
          ) : row.shelf === "trash" ? (
            <button type="button" {...shared} onClick={(event) => list.openMenu(id, below(event.currentTarget))}>
              {content}
            </button>
          ) : (
            <Link
              to={`/chat/${id}`}
              {...shared}
              draggable={false}
              aria-current={current ? "page" : undefined}
              onClick={closeDrawer}
            >
              {content}
            </Link>
          )}
          {!selecting && (
            <div className="session-actions">
              <IconButton
                icon="ellipsis"
                label={t("sessions.more")}
                tabIndex={reachable ? 0 : -1}
                aria-haspopup="menu"
                onClick={(event) => list.openMenu(id, below(event.currentTarget))}
              />
            </div>
          )}
        </>
      )}
    </div>
  );
});
