// The reader's sessions: shelves, categories, and the rows, of which only those on the screen are in the page.
import { forwardRef, useEffect, useMemo, useRef, useState } from "react";
import { useNavigate, useParams } from "react-router";
import { Virtuoso } from "react-virtuoso";
import { act, useAction } from "$/public/js/actions.js";
import { useWords } from "$/public/js/words.js";
import { BulkBar, ShelfBar } from "$/public/js/sessions/bars.jsx";
import { Categories, DRAGGED, countsOf, namesOf } from "$/public/js/sessions/categories.jsx";
import { archive, emptyTrash, forget, move, pin, rename, restore, titleOf, trash } from "$/public/js/sessions/changes.js";
import { CategoryDialog, Confirmation } from "$/public/js/sessions/dialogs.jsx";
import { arrange } from "$/public/js/sessions/groups.js";
import { SessionMenu } from "$/public/js/sessions/menu.jsx";
import { SessionRow } from "$/public/js/sessions/row.jsx";
import { useSelection } from "$/public/js/sessions/selection.js";
import { find, loadMore, useSessions } from "$/public/js/sessions/store.js";
import { toggleSidebar } from "$/public/js/sessions/toggle.jsx";

const AHEAD = 600; // pixels below the screen that are made ready
// The front page and a chat are two pages, each with its own list: the second is where the first was.
const kept = { shelf: "active", category: "", place: undefined };

const List = forwardRef(function List(props, ref) {
  return <div {...props} ref={ref} role="list" />;
});
const Footer = ({ context }) => (context.more ? <div className="skeleton skeleton-session" aria-hidden="true" /> : null);
const COMPONENTS = { List, Footer };

const untilTomorrow = () => {
  const now = new Date();
  return new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1) - now + 1000;
};

// Yesterday's chats are no longer today's after midnight.
const useToday = () => {
  const [today, setToday] = useState(() => new Date());
  useEffect(() => {
    const timer = setTimeout(() => setToday(new Date()), untilTomorrow());
    return () => clearTimeout(timer);
  }, [today]);
  return today;
};

export function Sessions({ categories }) {
  const t = useWords();
  const navigate = useNavigate();
  const { session_id: currentId = "" } = useParams();
  const today = useToday();
  const scroller = useRef(null);
  const nav = useRef(null);
  const focused = useRef(""); // the row that has the focus
  const toFocus = useRef(""); // and the one that is to have it
  const [shelf, setShelf] = useState(kept.shelf);
  const [category, setCategory] = useState(kept.category);
  const [editing, setEditing] = useState("");
  const [active, setActive] = useState("");
  const [menu, setMenu] = useState(null); // {ids, place}
  const [moving, setMoving] = useState(null); // ids
  const [forgetting, setForgetting] = useState(null); // ids, or "all"
  const [dragging, setDragging] = useState(false);

  const { rows, loading, more } = useSessions(shelf, category);
  const entries = useMemo(() => arrange(rows, t, today), [rows, t, today]);
  const ids = useMemo(() => entries.filter(({ row }) => row).map(({ key }) => key), [entries]);
  const selection = useSelection(ids);
  const counts = countsOf(categories, shelf);
  const names = useMemo(() => namesOf(categories), [categories]);
  const reachable = ids.includes(active) ? active : ids.includes(currentId) ? currentId : ids[0];

  useEffect(() => {
    if (kept.shelf !== shelf || kept.category !== category) Object.assign(kept, { shelf, category, place: undefined });
  }, [shelf, category]);

  useEffect(() => {
    if (loading) loadMore(shelf, category);
  }, [shelf, category, loading]);

  // To the kept place, once, also where the list asked the browser for it before it was as high as that.
  const toPlace = useRef(kept.place?.scrollTop ?? 0);
  const comeBack = () => {
    const top = toPlace.current;
    toPlace.current = 0;
    if (top) requestAnimationFrame(() => scroller.current?.scrollTo({ top }));
  };

  const focus = (id) => {
    setActive(id);
    toFocus.current = id;
    const index = entries.findIndex(({ key }) => key === id);
    const find = () => nav.current?.querySelector(`[data-session="${id}"]`)?.focus({ preventScroll: true });
    if (index >= 0) scroller.current?.scrollIntoView({ index, done: () => requestAnimationFrame(find) });
  };
  useEffect(() => {
    // A row that had the focus is elsewhere in the page now, or gone, and its neighbour is to have it.
    const wanted = [toFocus.current, focused.current].find((id) => ids.includes(id));
    if (editing || !wanted) return;
    const frame = requestAnimationFrame(() => {
      toFocus.current = "";
      if (document.activeElement === document.body) focus(wanted);
    });
    return () => cancelAnimationFrame(frame);
  }, [entries, editing, selection.selecting]);

  // What is open, when it goes: the page leaves it, and returns with it.
  const ifOpen = (gone) =>
    gone.includes(currentId)
      ? { leave: () => navigate("/chat"), comeBack: () => navigate(`/chat/${currentId}`) }
      : {};
  const afterThese = (gone) => {
    const last = Math.max(...gone.map((id) => ids.indexOf(id)));
    return ids.slice(last + 1).find((id) => !gone.includes(id)) ?? ids.findLast((id) => !gone.includes(id)) ?? "";
  };
  const toTrash = (gone) => {
    toFocus.current = nav.current?.contains(document.activeElement) ? afterThese(gone) : "";
    trash(gone, t, ifOpen(gone));
    selection.end();
  };

  const list = useRef({});
  Object.assign(list.current, {
    toggle: (id, range) => {
      setActive(id);
      selection.toggle(id, range);
    },
    openMenu: (id, place) => setMenu({ ids: selection.has(id) ? selection.ids : [id], place }),
    rename: (id, title) => {
      setEditing("");
      toFocus.current = id;
      rename(id, title, t);
    },
    drag: (event, id) => {
      const dragged = selection.has(id) ? selection.ids : [id];
      event.dataTransfer.setData(DRAGGED, JSON.stringify(dragged));
      event.dataTransfer.effectAllowed = "move";
      setTimeout(() => setDragging(true)); // a page that changes at once would end the drag
    },
    endDrag: () => setDragging(false),
  });

  const beginRename = (id) => {
    const index = entries.findIndex(({ key }) => key === id);
    if (index < 0) return;
    scroller.current?.scrollIntoView({ index, done: () => setEditing(id) });
  };
  const meant = ({ sessionId }) => {
    const id = sessionId ?? currentId;
    return id && find(id) ? [id] : null;
  };
  const on = (job) => (detail) => {
    const which = meant(detail);
    if (which) job(which);
  };
  // The open one is renamed where its name is (header.jsx).
  useAction("rename", ({ sessionId }) => sessionId && sessionId !== currentId && beginRename(sessionId));
  useAction("pin", on((which) => pin(which, !find(which[0]).is_pinned, t)));
  useAction("move", (detail) => on((which) => (detail.category ? move(which, detail.category, t) : setMoving(which)))(detail));
  useAction("archive", on((which) => archive(which, t)));
  useAction("delete", on((which) => trash(which, t, ifOpen(which))));
  useAction("new-chat", () => {
    navigate("/chat");
    act("focus-composer");
  });
  useAction("toggle-sidebar", toggleSidebar);
  const step = (by) => {
    const place = ids.indexOf(currentId);
    const next = place < 0 ? ids[0] : ids[place + by];
    if (next && shelf !== "trash") navigate(`/chat/${next}`);
  };
  useAction("next-chat", () => step(1));
  useAction("previous-chat", () => step(-1));

  const onKeyDown = (event) => {
    const id = event.target.dataset.session;
    if (event.key === "Escape" && selection.selecting) selection.end();
    if (!id) return;
    const place = ids.indexOf(id);
    const moves = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: ids.length - 1 };
    if (event.key in moves) {
      const next = ids[moves[event.key]];
      if (next) focus(next);
    } else if (event.key === "F2" && shelf !== "trash") setEditing(id);
    else if (event.key === "Delete") {
      const which = selection.has(id) ? selection.ids : [id];
      if (shelf === "trash") setForgetting(which);
      else toTrash(which);
    } else if (event.key === " " && !selection.selecting) selection.begin(id);
    else if (event.key === "a" && (event.ctrlKey || event.metaKey) && selection.selecting) selection.all();
    else return;
    event.preventDefault();
  };

  // React tells of no blur when it moves or removes what has the focus: that is what the effect above is for.
  const onFocus = (event) => (focused.current = event.target.dataset.session ?? "");
  const onBlur = () => (focused.current = "");

  const show = (wanted) => {
    setShelf(wanted);
    setCategory("");
    selection.end();
  };
  const found = menu ? menu.ids.map(find).filter(Boolean) : [];
  const forgetAll = forgetting === "all";
  const empty = t(category ? "sessions.none-in-category" : `sessions.none.${shelf}`);

  return (
    <nav ref={nav} className="sessions-list" aria-label={t("sessions.yours")} onKeyDown={onKeyDown} onFocus={onFocus} onBlur={onBlur}>
      <ShelfBar
        shelf={shelf}
        categories={categories}
        selecting={selection.selecting}
        empty={!rows.length}
        onShelf={show}
        onSelect={() => selection.begin()}
        onEmpty={() => setForgetting("all")}
      />
      <Categories
        counts={counts}
        chosen={category}
        dragging={dragging}
        onChoose={(wanted) => {
          setCategory(wanted);
          selection.end();
        }}
        onMove={(which, wanted) => {
          move(which, wanted, t);
          selection.end();
        }}
        onNew={setMoving}
      />
      {loading && !rows.length ? (
        <div className="sessions-skeleton" role="status" aria-label={t("sessions.loading")}>
          {[72, 54, 88, 63, 79].map((width) => (
            <div key={width} className="skeleton skeleton-session" style={{ width: `${width}%` }} />
          ))}
        </div>
      ) : entries.length ? (
        <Virtuoso
          key={`${shelf}|${category}`}
          ref={scroller}
          className="sessions"
          data-testid="sessions"
          tabIndex={-1}
          data={entries}
          computeItemKey={(_, entry) => entry.key}
          defaultItemHeight={50}
          increaseViewportBy={{ top: 200, bottom: AHEAD }}
          restoreStateFrom={kept.place}
          onScroll={() => scroller.current?.getState((place) => (kept.place = place))}
          totalListHeightChanged={comeBack}
          endReached={() => loadMore(shelf, category)}
          components={COMPONENTS}
          context={{ more }}
          itemContent={(_, entry) =>
            entry.heading ? (
              <div role="listitem">
                <h3 className="session-group">{entry.heading}</h3>
              </div>
            ) : (
              <SessionRow
                row={entry.row}
                place={entry.place}
                total={more ? -1 : ids.length}
                t={t}
                current={entry.key === currentId}
                editing={entry.key === editing}
                selecting={selection.selecting}
                selected={selection.has(entry.key)}
                reachable={entry.key === reachable}
                list={list.current}
              />
            )
          }
        />
      ) : (
        <p className="empty-list">{empty}</p>
      )}
      {selection.selecting && (
        <BulkBar
          shelf={shelf}
          selection={selection}
          onMenu={(place) => setMenu({ ids: selection.ids, place })}
          onArchive={() => {
            archive(selection.ids, t);
            selection.end();
          }}
          onTrash={() => toTrash(selection.ids)}
          onRestore={() => {
            restore(selection.ids, t);
            selection.end();
          }}
          onForget={() => setForgetting(selection.ids)}
        />
      )}
      <SessionMenu
        place={menu?.place}
        rows={found}
        categories={names}
        keys
        onClose={() => {
          const [id] = menu.ids;
          setMenu(null);
          if (menu.ids.length === 1 && !toFocus.current) focus(id);
        }}
        onRename={(id) => setTimeout(() => beginRename(id))}
        onSelect={selection.selecting ? null : (id) => selection.begin(id)}
        onTrash={toTrash}
        onForget={setForgetting}
        onMove={setMoving}
      />
      {moving && (
        <CategoryDialog
          categories={names}
          current={moving.length === 1 ? find(moving[0])?.category : ""}
          onChoose={(wanted) => {
            move(moving, wanted, t);
            selection.end();
          }}
          onClose={() => setMoving(null)}
        />
      )}
      {forgetting && (
        <Confirmation
          title={
            forgetAll
              ? t("sessions.empty-trash-title")
              : forgetting.length === 1
                ? t("sessions.forget-title", { title: titleOf(find(forgetting[0]), t) })
                : t("sessions.forget-many", { count: forgetting.length })
          }
          text={t("sessions.forget-text")}
          yes={t("sessions.forget")}
          no={t("common.cancel")}
          onYes={() => {
            if (forgetAll) emptyTrash(t);
            else forget(forgetting, t);
            selection.end();
          }}
          onClose={() => setForgetting(null)}
        />
      )}
    </nav>
  );
}
