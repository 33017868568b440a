// The messages of the session in the page's address: only those near the screen are in the document, however many
// there are. It opens at the newest, keeps it in view until the reader scrolls up, and keeps the reader's place then.
import { forwardRef, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { useLocation, useParams } from "react-router";
import { Virtuoso } from "react-virtuoso";
import { forget, useOutbox, useOwner } from "$/public/js/outbox.js";
import { useWords } from "$/public/js/words.js";
import { useAction } from "$/public/js/actions.js";
import { DeleteDialog } from "$/public/js/messages/delete_dialog.jsx";
import { Message } from "$/public/js/messages/message.jsx";
import { PendingMessage, belongs, isBehind } from "$/public/js/messages/pending.jsx";
import {
  close,
  hear,
  loadNewer,
  loadOlder,
  lookAt,
  open,
  setAtEnd,
  toNewest,
  useHistory,
  watch,
} from "$/public/js/messages/store.js";

const NEAR = 80;
// How far beyond the screen messages are drawn already (pixels), and when more are asked for (messages).
const AHEAD = { top: 900, bottom: 900 };
const SOON = 20;
const FLASH = 2200;
const MOVES = ["wheel", "touchmove", "pointerdown", "keydown"];
const KEYS_UP = ["ArrowUp", "PageUp", "Home"];
// Milliseconds after which the page no longer moves because somebody moved it.
const MOVING = 600;

const dayOf = (moment) => new Date(moment).toDateString();

// What is drawn, one for each message: what stands above it comes with it.
const itemsOf = ({ rows, newAfter, older }, pending) => {
  const edited = pending.find((item) => item.editOf && rows.some((row) => isVersion(row, item.editOf)));
  const end = edited ? rows.findIndex((row) => isVersion(row, edited.editOf)) : rows.length;
  // Whether the first one begins a day is known once nothing is above it.
  let day = older && rows.length ? dayOf(rows[0].timestamp) : "";
  let marked = newAfter === null;
  const items = rows.slice(0, end).map((row) => {
    const today = dayOf(row.timestamp);
    const fresh = !marked && row.role === "assistant" && row.id > newAfter;
    marked = marked || fresh;
    const item = { key: row.message_id, row, day: today === day ? "" : row.timestamp, fresh };
    day = today;
    return item;
  });
  return [...items, ...pending.map((item, index) => ({ key: item.id, pending: item, behind: isBehind(pending, index) }))];
};
const isVersion = (row, id) => row.message_id === id || row.versions.includes(id);

const usePending = (owner, sessionId, rows) => {
  const all = useOutbox(owner);
  const here = all.filter((item) => belongs(item, sessionId));
  const shown = useMemo(() => new Set(rows.map((row) => row.message_id)), [rows]);
  const stored = here.filter((item) => item.state === "sent" && shown.has(item.id)).map((item) => item.id);
  useEffect(() => {
    if (stored.length) forget(owner, stored);
  }, [owner, stored.join()]);
  const waiting = here.filter((item) => !shown.has(item.id));
  const key = JSON.stringify(waiting);
  return useMemo(() => waiting, [key]);
};

// Virtuoso's own elements, as a list.
const components = {
  Scroller: forwardRef(function Scroller({ context, children, ...props }, ref) {
    return (
      // What is read out is said elsewhere: scrolling would be a stream of old messages.
      <div {...props} ref={ref} className="scroller" role="log" aria-live="off" aria-label={context.t("messages.label")} tabIndex={0}>
        {children}
      </div>
    );
  }),
  List: forwardRef(function List({ context, ...props }, ref) {
    return <ol {...props} ref={ref} className="messages" data-testid="messages" />;
  }),
  Item: ({ context, item, ...props }) => <li {...props} className="message-item" />,
  Header: ({ context }) => (
    <div className="messages-start" aria-hidden={!context.view.older}>
      {context.view.older && <span>{context.t(context.view.failed ? "messages.older-failed" : "messages.older")}</span>}
    </div>
  ),
  Footer: () => <div className="messages-end" />,
};

export function MessageList({ owner: told, live, reachable, longest, onContinue, onRegenerate, onChoose, onRate, onDelete }) {
  const t = useWords();
  const owner = useOwner(told);
  const { session_id: sessionId = "" } = useParams();
  const { search, key: visit } = useLocation();
  const wanted = new URLSearchParams(search).get("message");
  const view = useHistory(sessionId);
  const pending = usePending(owner, sessionId, view.rows);
  const items = useMemo(() => itemsOf(view, pending), [view, pending]);
  const list = useRef(null);
  const [away, setAway] = useState(false);
  const [flashed, setFlashed] = useState("");

  useLayoutEffect(() => {
    open(sessionId, wanted);
    return () => close(sessionId);
  }, [sessionId, wanted, visit]);

  useEffect(() => hear(live), [live]);

  // A message that is looked for is shown in its place, and stands out for a moment. It is held there meanwhile: what
  // is loaded above it is only guessed in height before it is drawn. A reader who moves goes free.
  const place = view.target ? items.findIndex((item) => item.key === view.target.id) : -1;
  const held = useRef("");
  useEffect(() => {
    if (!view.target || place < 0) return;
    following.current = false;
    held.current = view.target.id;
    goTo({ index: place, align: "center" });
    setFlashed(view.target.id);
    const timer = setTimeout(() => {
      held.current = "";
      setFlashed("");
    }, FLASH);
    return () => {
      held.current = "";
      clearTimeout(timer);
    };
  }, [view.target]);

  const toEnd = useCallback(
    (behavior = "auto") => {
      if (!view.attached) toNewest(sessionId);
      else {
        following.current = behavior === "auto";
        goTo({ index: "LAST", align: "end", behavior });
      }
    },
    [view.attached, sessionId],
  );

  // What one has just sent is in view.
  const sent = useRef({ sessionId: "", count: 0 });
  useEffect(() => {
    if (sent.current.sessionId === sessionId && pending.length > sent.current.count) toEnd();
    sent.current = { sessionId, count: pending.length };
  }, [sessionId, pending.length]);

  // The end stays in view as it grows, until the reader scrolls up, and again once the reader is back.
  const scroller = useRef(null);
  const following = useRef(true);
  const lastTop = useRef(0);
  // Virtuoso scrolls to where it was told to go again and again, as long as the list changes: a reader who has scrolled
  // up meanwhile is not pulled back.
  const steered = useRef(true);
  const goTo = (place) => {
    steered.current = true;
    list.current?.scrollToIndex(place);
  };
  const movedUp = useRef(-MOVING);
  const look = useCallback(() => {
    const { scrollTop, scrollHeight, clientHeight } = scroller.current;
    const near = scrollHeight - clientHeight - scrollTop <= NEAR;
    // What shrinks for a moment brings nobody to the end, and takes nobody away: one scrolls there. Whoever scrolls up
    // goes free at the first pixel: in small steps nobody would get beyond NEAR before the answer grows again.
    if (scrollTop < lastTop.current - 1) {
      if (!near || performance.now() - movedUp.current < MOVING) following.current = steered.current = false;
    } else if (near) following.current = true;
    lastTop.current = scrollTop;
    setAway(!following.current);
  }, []);
  const free = useCallback(({ type, deltaY, key }) => {
    held.current = "";
    if (type === "touchmove" || deltaY < 0 || KEYS_UP.includes(key)) movedUp.current = performance.now();
  }, []);
  const attach = useCallback((element) => {
    scroller.current?.removeEventListener?.("scroll", look);
    for (const move of MOVES) scroller.current?.removeEventListener?.(move, free);
    scroller.current = element;
    steered.current = true;
    if (element) element.scrollTo = (place) => steered.current && Element.prototype.scrollTo.call(element, place);
    element?.addEventListener?.("scroll", look, { passive: true });
    for (const move of MOVES) element?.addEventListener?.(move, free, { passive: true });
  }, []);
  const grown = () => {
    // The reader may have scrolled in this very frame, and its event is still to come.
    if (scroller.current && scroller.current.scrollTop < lastTop.current - 1) look();
    const index = held.current ? items.findIndex((item) => item.key === held.current) : -1;
    if (index >= 0) goTo({ index, align: "center" });
    else if (following.current && view.attached && scroller.current) scroller.current.scrollTop = scroller.current.scrollHeight;
  };
  const listKey = `${sessionId}:${view.epoch}`;
  useLayoutEffect(() => {
    following.current = !view.target;
    setAway(Boolean(view.target));
  }, [listKey]);

  useEffect(() => setAtEnd(!away && view.attached), [away, view.attached]);
  useEffect(() => () => setAtEnd(true), []);

  const [editing, setEditing] = useState("");
  const [deleting, setDeleting] = useState(null);
  const handlers = useRef({});
  handlers.current = { onContinue, onRegenerate, onChoose, onRate, onDelete };
  const actions = useMemo(
    () => ({
      owner,
      sessionId,
      longest,
      edit: setEditing,
      remove: setDeleting,
      goOn: (id) => {
        handlers.current.onContinue(id);
        watch(sessionId, id);
      },
      regenerate: (id) => handlers.current.onRegenerate(id),
      choose: (id) => handlers.current.onChoose(id),
      rate: (id, rating) => handlers.current.onRate(id, rating),
    }),
    [owner, sessionId, longest],
  );
  const context = useMemo(
    () => ({ t, view, actions, reachable, flashed, editing }),
    [t, view, actions, reachable, flashed, editing],
  );

  const last = (wanted) => view.rows.findLast(wanted);
  useAction("edit-last", () => {
    const question = last((row) => row.role === "user");
    if (!question) return;
    goTo({ index: view.rows.indexOf(question), align: "center" });
    setEditing(question.message_id);
  });
  useAction("regenerate-last", () => {
    const answer = last((row) => row.role === "assistant");
    if (answer && answer.status !== "streaming") onRegenerate(answer.message_id);
  });
  useAction("copy-last", () => {
    const answer = last((row) => row.role === "assistant" && row.content);
    if (answer) navigator.clipboard?.writeText(answer.content);
  });

  // What waited to be sent stood alone until there were messages above it: then it is another list.
  const mount = useRef({ count: 0 });
  const { count, ...was } = mount.current;
  const head = items[0]?.key;
  const another = was.sessionId === sessionId && !was.ready && view.ready && was.head && was.head !== head;
  mount.current = { count: another ? count + 1 : count, sessionId, ready: view.ready, head };

  const ready = view.ready || pending.length > 0;
  return (
    <div className="scroller-frame">
      {!ready && <Skeleton label={t("messages.loading")} />}
      {ready && items.length === 0 && (
        <div className="scroller" role="log" aria-label={t("messages.label")}>
          <p className="empty-chat muted">{t("messages.empty")}</p>
        </div>
      )}
      {ready && items.length > 0 && (
        <Virtuoso
          key={`${sessionId}:${view.epoch}:${mount.current.count}`}
          ref={list}
          data={items}
          context={context}
          components={components}
          firstItemIndex={view.first}
          initialTopMostItemIndex={place < 0 ? { index: "LAST", align: "end" } : { index: place, align: "center" }}
          computeItemKey={(_, item) => item.key}
          defaultItemHeight={110}
          increaseViewportBy={AHEAD}
          skipAnimationFrameInResizeObserver
          scrollerRef={attach}
          totalListHeightChanged={grown}
          rangeChanged={({ startIndex, endIndex }) => {
            const start = startIndex - view.first;
            const seen = items[Math.min(start + 2, items.length - 1)];
            if (seen?.row) lookAt(sessionId, seen.key);
            if (start < SOON) loadOlder(sessionId);
            if (endIndex - view.first > items.length - SOON) loadNewer(sessionId);
          }}
          itemContent={(_, item, { actions: does, reachable: reached, flashed: lit, editing: edited }) =>
            item.pending ? (
              <PendingMessage item={item.pending} behind={item.behind} owner={does.owner} />
            ) : (
              <Message
                row={item.row}
                day={item.day}
                fresh={item.fresh}
                reachable={reached}
                lit={lit === item.key}
                editing={edited === item.key}
                actions={does}
              />
            )
          }
        />
      )}
      {(away || !view.attached) && items.length > 0 && (
        <button type="button" className="jump-button" data-testid="jump-to-latest" onClick={() => toEnd("smooth")}>
          {t("messages.to-latest")}
        </button>
      )}
      {deleting && (
        <DeleteDialog row={deleting} onDelete={() => onDelete(deleting.message_id)} onClose={() => setDeleting(null)} />
      )}
    </div>
  );
}

function Skeleton({ label }) {
  return (
    <div className="messages-skeleton" aria-busy="true" aria-label={label} role="status">
      {["user", "assistant", "user", "assistant"].map((side, index) => (
        <div key={index} className={`skeleton skeleton-message ${side}`} />
      ))}
    </div>
  );
}
