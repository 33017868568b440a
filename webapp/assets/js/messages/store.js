// The messages of the last few sessions, as far as this page has them: one unbroken stretch a session. It comes by
// HTTP (history.js); the state tells what the newest messages are now, by id and stamp, and sends those that changed
// (webapp/state/message_rows.py). Whatever of these is not here is asked for, so no change need be heard of twice,
// and none can be missed.
import { useSyncExternalStore } from "react";
import { fetchPage } from "$/public/js/messages/history.js";

const KEPT_SESSIONS = 8;
const OLDER = 100;
// The place of a stretch's first message among all there may ever be: older ones count down from here.
const START = 1_000_000;
const LONGEST_WAIT = 5000;

const NOTHING = Object.freeze({
  rows: [],
  first: START,
  epoch: 0,
  ready: false,
  older: false,
  attached: true,
  failed: false,
  newAfter: null,
  target: null,
});
const sessions = new Map();
const listeners = new Set();

const entryOf = (id) => {
  let entry = sessions.get(id);
  if (!entry) {
    const { rows, first, epoch, ready, failed, newAfter, target } = NOTHING;
    entry = { id, rows, first, epoch, ready, failed, newAfter, target, shown: NOTHING };
    Object.assign(entry, { revision: 0, before: null, after: null, live: null, heardAt: 0 });
    Object.assign(entry, { anchor: "", tries: 0, busy: {}, opened: false });
  }
  sessions.delete(id);
  sessions.set(id, entry); // the last one is the one that was used last
  for (const other of sessions.keys()) {
    if (sessions.size <= KEPT_SESSIONS) break;
    sessions.delete(other);
  }
  return entry;
};

const publish = (entry) => {
  const { rows, first, epoch, ready, newAfter, target, before, after, failed } = entry;
  entry.shown = { rows, first, epoch, ready, newAfter, target, failed, older: before !== null, attached: after === null };
  listeners.forEach((listener) => listener());
};

const subscribe = (listener) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

// Whether the newest message is in view.
let atEnd = true;
export const setAtEnd = (now) => {
  if (now === atEnd) return;
  atEnd = now;
  listeners.forEach((listener) => listener());
};
export const useAtEnd = () => useSyncExternalStore(subscribe, () => atEnd, () => true);

// Keeps the place of what is being read: the others count from it. Without any common row it is another stretch.
const put = (entry, placed) => {
  const held = new Map(entry.rows.map((row, place) => [row.message_id, place]));
  const common = (held.has(entry.anchor) && placed.find((row) => row.message_id === entry.anchor)) || placed.find((row) => held.has(row.message_id));
  if (common) {
    entry.first += held.get(common.message_id) - placed.indexOf(common);
  } else {
    entry.first = START;
    entry.epoch += entry.rows.length && placed.length ? 1 : 0;
  }
  entry.rows = placed;
};

const inOrder = (a, b) => a.place - b.place;

// The newest page says what there is from its first message on; older ones stay where they touch it.
const takeNewest = (entry, page) => {
  const oldest = page.rows[0]?.place ?? 0;
  const older = entry.rows.filter((row) => row.place < oldest);
  const same = entry.revision === page.revision && entry.after === null;
  const touches = same && entry.rows.some((row) => row.place >= oldest);
  entry.revision = page.revision;
  if (page.before === null || !touches) {
    entry.before = page.before;
    put(entry, page.rows);
  } else put(entry, [...older, ...page.rows]);
  entry.after = null;
};

const heard = (entry) => {
  const { live } = entry;
  if (!live || !entry.ready) return;
  if (live.revision !== entry.revision) {
    const beyond = live.full && entry.rows.some((row) => !live.ids.some(([id]) => id === row.id));
    if (beyond || entry.after !== null) {
      reload(entry);
      return;
    }
    entry.revision = live.revision;
  }
  const fresh = new Map(live.rows.map((row) => [row.id, row]));
  if (entry.after !== null) {
    // The reader is elsewhere: what is here is kept as it is now.
    entry.rows = entry.rows.map((row) => fresh.get(row.id) ?? row);
    return;
  }
  const held = new Map(entry.rows.map((row) => [row.id, row]));
  const newest = live.ids.map(([id, stamp]) => [fresh.get(id), held.get(id)].find((row) => row?.stamp === stamp));
  const gap = live.full && entry.rows.length > 0 && !live.ids.some(([id]) => held.has(id));
  if (gap || newest.some((row) => row === undefined)) {
    refresh(entry);
    return;
  }
  if (!live.full) entry.before = null;
  put(entry, [...(live.full ? entry.rows.filter((row) => row.place < newest[0].place) : []), ...newest]);
};

// What was read before is old: anew, around what is being looked at.
const reload = async (entry) => {
  if (atEnd && entry.after === null) {
    refresh(entry);
    return;
  }
  if (entry.busy.reload) return;
  entry.busy.reload = true;
  const began = performance.now();
  try {
    const page = await fetchPage(entry.id, { around: entry.anchor, limit: OLDER });
    Object.assign(entry, { before: page.before, after: page.after, revision: page.revision });
    put(entry, page.rows);
    if (entry.heardAt > began && entry.live.revision !== page.revision) setTimeout(() => reload(entry), 250);
    publish(entry);
  } catch {
    refresh(entry); // what was looked at is gone, too
  } finally {
    entry.busy.reload = false;
  }
};

// One request of a kind at a time; what is asked for meanwhile is asked for once more afterwards.
const refresh = async (entry) => {
  if (entry.busy.newest) {
    entry.busy.newest.again = true;
    return;
  }
  const asking = (entry.busy.newest = { again: false });
  const began = performance.now();
  const opening = entry.opened;
  clearTimeout(entry.retry);
  try {
    const page = await fetchPage(entry.id, {});
    takeNewest(entry, page);
    if (opening) entry.newAfter = page.new_after;
    entry.opened = opening ? false : entry.opened;
    entry.ready = true;
    entry.failed = false;
    entry.tries = 0;
    // Whatever was lacking meanwhile may have come by now.
    asking.again = entry.opened;
    // What was heard since is newer; what was heard before is older than this page.
    if (entry.heardAt > began) heard(entry);
  } catch (failure) {
    entry.failed = true;
    entry.tries += 1;
    const lasting = [401, 403, 404, 422].includes(failure.status);
    const wait = lasting ? LONGEST_WAIT * 4 : Math.min(LONGEST_WAIT, 500 * 2 ** entry.tries);
    if (current === entry.id) entry.retry = setTimeout(() => refresh(entry), wait);
  } finally {
    entry.busy.newest = null;
  }
  publish(entry);
  if (asking.again) setTimeout(() => refresh(entry), 250);
};

let current = "";

// The page shows this session now, from its newest message on, or around the message of that id.
export const open = (sessionId, messageId = null) => {
  current = sessionId;
  if (!sessionId) return;
  const entry = entryOf(sessionId);
  entry.opened = true;
  if (messageId) {
    show(sessionId, messageId);
    return;
  }
  if (entry.after !== null) Object.assign(entry, { rows: [], before: null, after: null, ready: false, first: START });
  entry.target = null;
  publish(entry);
  refresh(entry);
};

export const close = (sessionId) => {
  if (current === sessionId) current = "";
};

// What the state says of the open session's newest messages.
export const hear = (live) => {
  if (!live?.session_id) return;
  const entry = entryOf(live.session_id);
  if (entry.live === live) return;
  entry.live = live;
  entry.heardAt = performance.now();
  if (!entry.ready) {
    if (entry.failed && current === entry.id) refresh(entry);
    return;
  }
  heard(entry);
  publish(entry);
};

const more = async (entry, kind, query, take) => {
  if (entry.busy[kind]) return;
  entry.busy[kind] = true;
  const { epoch } = entry;
  try {
    const page = await fetchPage(entry.id, query);
    if (page.revision !== entry.revision) reload(entry);
    else if (entry.epoch === epoch) take(page);
    entry.failed = false;
  } catch {
    entry.failed = true;
  } finally {
    entry.busy[kind] = false;
  }
  publish(entry);
};

export const loadOlder = (sessionId) => {
  const entry = sessions.get(sessionId);
  if (!entry?.ready || entry.before === null) return;
  const { before } = entry;
  more(entry, "older", { before, limit: OLDER }, (page) => {
    if (entry.before !== before) return;
    entry.before = page.before;
    const held = new Set(entry.rows.map((row) => row.id));
    put(entry, [...page.rows.filter((row) => !held.has(row.id)), ...entry.rows].sort(inOrder));
  });
};

export const loadNewer = (sessionId) => {
  const entry = sessions.get(sessionId);
  if (!entry?.ready || entry.after === null) return;
  const { after } = entry;
  more(entry, "newer", { after, limit: OLDER }, (page) => {
    if (entry.after !== after) return;
    entry.after = page.after;
    const held = new Set(entry.rows.map((row) => row.id));
    put(entry, [...entry.rows, ...page.rows.filter((row) => !held.has(row.id))].sort(inOrder));
    if (entry.after === null) heard(entry);
  });
};

// Away from where the reader is, to the newest message.
export const toNewest = (sessionId) => {
  const entry = entryOf(sessionId);
  if (entry.after === null) return;
  Object.assign(entry, { rows: [], before: null, after: null, ready: false, first: START, target: null });
  entry.epoch += 1;
  publish(entry);
  refresh(entry);
};

// To one message, wherever it is; `target` is {id} then, a new object each time.
export const show = async (sessionId, messageId) => {
  const entry = entryOf(sessionId);
  if (entry.ready && entry.rows.some((row) => row.message_id === messageId)) {
    entry.target = { id: messageId };
    publish(entry);
    return;
  }
  publish(entry);
  try {
    const page = await fetchPage(sessionId, { around: messageId });
    const { rows, before, after, revision } = page;
    const epoch = entry.epoch + 1;
    Object.assign(entry, { rows, before, after, revision, epoch, ready: true, failed: false, first: START });
    entry.target = { id: messageId };
    publish(entry);
  } catch {
    refresh(entry); // it is gone: the newest ones, then
  }
};

// A message further up than the state follows has just been acted upon: what becomes of it is asked for.
export const watch = async (sessionId, messageId, wait = 600) => {
  const entry = sessions.get(sessionId);
  const row = entry?.rows.find((other) => other.message_id === messageId);
  if (!row || entry.live?.ids.some(([id]) => id === row.id)) return;
  await new Promise((go) => setTimeout(go, wait));
  const page = await fetchPage(sessionId, { around: messageId, limit: 2 }).catch(() => null);
  const now = page?.rows.find((other) => other.message_id === messageId);
  if (now && now.stamp !== row.stamp) {
    entry.rows = entry.rows.map((other) => (other.message_id === messageId ? now : other));
    publish(entry);
  }
  if (current === sessionId && now?.status === "streaming") watch(sessionId, messageId, 2000);
};

// What the reader looks at: the place that is kept when messages come and go.
export const lookAt = (sessionId, messageId) => {
  const entry = sessions.get(sessionId);
  if (entry) entry.anchor = messageId;
};

export const useHistory = (sessionId) =>
  useSyncExternalStore(
    subscribe,
    () => (sessionId ? sessions.get(sessionId)?.shown ?? NOTHING : NOTHING),
    () => NOTHING,
  );

if (typeof window !== "undefined") {
  window.addEventListener("online", () => {
    const entry = sessions.get(current);
    if (entry?.failed) refresh(entry);
  });
}
