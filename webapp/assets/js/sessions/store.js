// The reader's sessions, as far as this page has heard of them. Pages come over HTTP (webapp/routes/sessions.py), what
// changes arrives live (`NEWS`, from webapp/state/session_list.py), and what the reader does is shown at once: it lies
// over the server's rows until the server has answered (changes.js).
//
// A row is what webapp/state/session_rows.py makes of a session. A view is one shelf, or one category of it.
import { useSyncExternalStore } from "react";

export const NEWS = "chat-sessions";
const PAGE = 100;
const MOST_PINNED = 500;
const LONGEST_WAIT = 10000;

const rows = new Map(); // session id → what the server said last
const drafts = new Map(); // session id → what the reader has done to it and the server has not answered, oldest first
const views = new Map(); // "shelf|category" → {cursor, floor, loaded, complete, loading, failures}
const listeners = new Set();
let order = []; // session ids, latest activity first; sorted anew when something changed
let heard = ""; // the latest change that this page knows of
let version = 0;
let lists = { version: -1, made: new Map() };

const changed = () => {
  version += 1;
  listeners.forEach((listener) => listener());
};
const subscribe = (listener) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

const shelfOf = ({ is_active: active, is_archived: archived }) => (!active ? "trash" : archived ? "archived" : "active");

// As the reader sees it.
export const find = (id) => {
  const row = rows.get(id);
  const mine = drafts.get(id);
  if (!row || !mine) return row;
  const seen = Object.assign({}, row, ...mine.map(({ changes }) => changes));
  return { ...seen, shelf: shelfOf(seen) };
};

// Times are ISO 8601 in UTC: they sort as they are.
const compare = (one, other) =>
  one.updated_at < other.updated_at ? 1 : one.updated_at > other.updated_at ? -1 : other.row_id - one.row_id;

const put = (row) => {
  const known = rows.get(row.session_id);
  if (known && known.changed_at > row.changed_at) return; // it was overtaken on its way
  if (!known) order.push(row.session_id);
  rows.set(row.session_id, row);
  if (row.changed_at > heard) heard = row.changed_at;
};

const drop = (ids) => {
  const gone = new Set(ids.filter((id) => rows.delete(id)));
  if (gone.size) order = order.filter((id) => !gone.has(id));
};

export const take = (list) => {
  list.forEach(put);
  changed();
};

export const remove = (ids) => {
  drop(ids);
  changed();
};

// Returns what takes it back.
export const draft = (ids, changes) => {
  const mine = { changes };
  ids.forEach((id) => drafts.set(id, [...(drafts.get(id) ?? []), mine]));
  changed();
  return () => {
    ids.forEach((id) => {
      const left = (drafts.get(id) ?? []).filter((other) => other !== mine);
      if (left.length) drafts.set(id, left);
      else drafts.delete(id);
    });
    changed();
  };
};

const viewOf = (shelf, category) => {
  const key = `${shelf}|${category}`;
  if (!views.has(key))
    views.set(key, { shelf, category, cursor: null, floor: null, loaded: false, complete: false, loading: false, failures: 0 });
  return views.get(key);
};
const isComplete = (view) => view.complete || viewOf(view.shelf, "").complete;
const isLoaded = (view) => view.loaded || isComplete(view);

const ask = async (query) => {
  const answer = await fetch(`/sessions?${new URLSearchParams(query)}`, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(answer.status);
  return answer.json();
};

// One more page of a view, latest first. What it does not reach yet is not listed: there would be gaps above it.
export const loadMore = async (shelf, category) => {
  const view = viewOf(shelf, category);
  if (view.loading || isComplete(view)) return;
  view.loading = true;
  const query = { shelf, limit: PAGE, ...(category && { category }), ...(view.cursor && { cursor: view.cursor }) };
  try {
    // The pinned ones are shown on top, wherever they are in the order.
    const pinned = !view.loaded && shelf === "active" && !category;
    const [page, top] = await Promise.all([
      ask(query),
      pinned ? ask({ shelf, pinned: true, limit: MOST_PINNED }) : { rows: [] },
    ]);
    if (views.get(`${shelf}|${category}`) !== view) return; // begun anew meanwhile
    [...page.rows, ...top.rows].forEach(put);
    Object.assign(view, { loaded: true, failures: 0, cursor: page.cursor, complete: page.cursor === null });
    view.floor = page.rows.at(-1) ?? view.floor;
  } catch {
    view.failures += 1;
    setTimeout(() => loadMore(shelf, category), Math.min(LONGEST_WAIT, 500 * 2 ** Math.min(view.failures, 6)));
  } finally {
    view.loading = false;
    changed();
  }
};

// `whole` are the latest changes of all, else only what is new of them; `all` where the reader has no other sessions.
const hear = ({ rows: list, gone, whole, all }) => {
  if (whole && all) {
    const left = new Set(list.map((row) => row.session_id));
    drop(order.filter((id) => !left.has(id)));
    ["active", "archived", "trash"].forEach((shelf) => (viewOf(shelf, "").complete = true));
  } else if (whole && heard && list.every((row) => row.changed_at > heard)) {
    // More happened while the line was cut than is told: begin anew.
    const begun = [...views.values()];
    rows.clear();
    order = [];
    views.clear();
    begun.filter((view) => view.loaded || view.loading).forEach((view) => loadMore(view.shelf, view.category));
  }
  drop(gone);
  list.forEach(put);
  changed();
};

if (typeof window !== "undefined") window.addEventListener(NEWS, ({ detail }) => hear(detail));

const made = (key, make) => {
  if (lists.version !== version) {
    lists = { version, made: new Map() };
    order.sort((one, other) => compare(rows.get(one), rows.get(other))); // almost sorted: that is quick
  }
  if (!lists.made.has(key)) lists.made.set(key, make());
  return lists.made.get(key);
};

const list = (shelf, category) =>
  made(`${shelf}|${category}`, () => {
    const view = viewOf(shelf, category);
    const all = isComplete(view);
    const { floor } = view;
    const shown = order
      .map(find)
      .filter(
        (row) =>
          row.shelf === shelf &&
          (!category || row.category === category) &&
          (all || (row.is_pinned && shelf === "active") || (floor && compare(row, floor) <= 0)),
      );
    return { rows: shown, loading: !isLoaded(view), more: !all };
  });

const NOTHING = { rows: [], loading: true, more: true };
export const useSessions = (shelf, category) =>
  useSyncExternalStore(
    subscribe,
    () => list(shelf, category),
    () => NOTHING,
  );

const open = (id) => made(`one|${id}`, () => find(id) ?? null);
export const useSession = (id) =>
  useSyncExternalStore(
    subscribe,
    () => open(id),
    () => null,
  );

// How many sessions besides this one have something new.
export const useUnreadElsewhere = (id) =>
  useSyncExternalStore(
    subscribe,
    () => made(`unread|${id}`, () => order.filter((other) => other !== id && isNews(find(other))).length),
    () => 0,
  );
const isNews = (row) => row.unread > 0 && row.shelf === "active";
