// Messages on their way. Each is kept in this browser (localStorage) from the moment it is sent until the server has
// it, under its author's id: through a reload, a closed tab, a lost line. All tabs see all of them, one at a time
// delivers (Web Locks). A message has its id from the start, so that however often it is tried, it is stored once.
//
// A message is {id, sessionId, title, text, at, state, problem, tries, next}; state is "pending", "sending", "failed"
// (for its author to decide) or "sent" (shown until the stored message is); next is when it is tried again. problem is
// what the server said, or the name of a text (words.js).
import { useEffect, useState, useSyncExternalStore } from "react";
import { traceparent } from "$/public/js/trace.js";

const USER = "chat-user";
// How long what is sent is kept, for a page to show that has not heard of the stored message; and after one has (ms).
const KEEP_SENT = 60000;
const KEEP_SHOWN = 1000;
const LONGEST_WAIT = 15000;
const PATIENCE = 30000;
// Nothing waits for longer, whatever the server named: a clock that was set back must not hold a message for ever.
const LONGEST_NAMED = 120000;
// This many in that time (ms), all sessions together; the rest waits, and says so.
const BURST = 8;
const BURST_TIME = 10000;

const listeners = new Set();
let snapshot = { owner: null, raw: "", items: [] };
let waking = null;
let delivering = false;

const prefix = (owner) => `chat-outbox:${owner}:`;
const keys = (start) => Object.keys(localStorage).filter((key) => key.startsWith(start));
const parse = (text) => {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
};

// crypto.randomUUID is missing on plain http outside of localhost.
export const newId = () => {
  const b = crypto.getRandomValues(new Uint8Array(16));
  b[6] = (b[6] & 0x0f) | 0x40;
  b[8] = (b[8] & 0x3f) | 0x80;
  const hex = Array.from(b, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
};

const items = (owner) => {
  const raw = owner ? keys(prefix(owner)).sort().map((key) => localStorage.getItem(key)).join("\n") : "";
  if (snapshot.owner !== owner || snapshot.raw !== raw) {
    const list = raw ? raw.split("\n").map(parse).filter(Boolean) : [];
    snapshot = { owner, raw, items: list.sort((a, b) => a.at - b.at) };
  }
  return snapshot.items;
};

const remaining = (item) => {
  const left = item.next - Date.now();
  return left > 0 && left <= LONGEST_NAMED ? left : 0;
};

const changed = () => listeners.forEach((listener) => listener());
const subscribe = (listener) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

const update = (owner, id, changes) => {
  const key = prefix(owner) + id;
  const item = parse(localStorage.getItem(key));
  if (!item) return;
  localStorage.setItem(key, JSON.stringify({ ...item, ...changes }));
  changed();
};

const remove = (owner, id) => {
  localStorage.removeItem(prefix(owner) + id);
  changed();
};

// Throws when this browser's storage is full.
// `editOf` is the question that this one is written instead of.
export const add = (owner, { id, sessionId, title, text, editOf }) => {
  const last = items(owner).at(-1)?.at ?? 0;
  const at = Math.max(Date.now(), last + 1);
  const item = {
    id, sessionId, title, text, editOf, at, state: "pending", problem: "", tries: 0, next: 0, trace: traceparent(),
  };
  localStorage.setItem(prefix(owner) + id, JSON.stringify(item));
  changed();
  deliver(owner);
};

export const retry = (owner, id) => {
  update(owner, id, { state: "pending", problem: "", next: 0 });
  deliver(owner);
};

// Returns the message, which is nobody's any longer.
export const withdraw = (owner, id) => {
  const item = items(owner).find((other) => other.id === id);
  remove(owner, id);
  if (item?.title === "create" && item.tries) post("/outbox/discard", { session_id: item.sessionId }).catch(() => {});
  return item;
};

// These are shown as stored by now: soon nobody needs what is kept of them.
export const forget = (owner, ids) => {
  const soon = Date.now() + KEEP_SHOWN;
  for (const item of items(owner))
    if (item.state === "sent" && item.next > soon && ids.includes(item.id)) update(owner, item.id, { next: soon });
  deliver(owner);
};

const post = (path, body, trace) =>
  fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...(trace && { traceparent: trace }) },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(PATIENCE),
  });

const burstWait = (owner) => {
  const key = `chat-sent:${owner}`;
  const now = Date.now();
  const times = (parse(localStorage.getItem(key)) ?? []).filter((time) => time > now - BURST_TIME && time <= now);
  if (times.length >= BURST) return times[0] + BURST_TIME - now;
  localStorage.setItem(key, JSON.stringify([...times, now]));
  return 0;
};

const backoff = (tries) => Math.min(LONGEST_WAIT, 1000 * 2 ** Math.min(tries, 10)) * (0.75 + Math.random() / 2);

const trySend = async (owner, item) => {
  const pause = burstWait(owner);
  if (pause) {
    update(owner, item.id, { state: "pending", problem: "outbox.burst", next: Date.now() + pause });
    return;
  }
  update(owner, item.id, { state: "sending", tries: item.tries + 1 });
  const wait = (problem, seconds) =>
    update(owner, item.id, {
      state: "pending",
      problem,
      next: Date.now() + (seconds ? Math.min(seconds * 1000, LONGEST_NAMED) : backoff(item.tries)),
    });
  try {
    const answer = await post("/outbox", {
      owner,
      session_id: item.sessionId,
      message_id: item.id,
      content: item.text,
      title: item.title,
      edit_of: item.editOf,
    }, item.trace);
    if (answer.ok) {
      update(owner, item.id, { state: "sent", problem: "", next: Date.now() + KEEP_SENT });
      return;
    }
    const { detail, retry_after } = await answer.json().catch(() => ({}));
    if (retry_after !== undefined) wait(detail, retry_after);
    else if (detail) update(owner, item.id, { state: "failed", problem: detail });
    else wait("outbox.unreachable");
  } catch {
    wait("outbox.offline");
  }
};

// The first message of each session that may go now: those behind it wait for it, unless it has failed for good.
const due = (owner) => {
  const busy = new Set();
  let soonest = Infinity;
  for (const item of items(owner)) {
    const left = remaining(item);
    if (item.state === "sent" && !left) {
      remove(owner, item.id);
      continue;
    }
    const waits = item.state === "sent" || (item.state === "pending" && left > 0);
    if (waits) soonest = Math.min(soonest, item.next);
    if (item.state === "failed" || item.state === "sent" || busy.has(item.sessionId)) continue;
    if (!waits) return { item };
    busy.add(item.sessionId);
  }
  return { soonest };
};

const deliver = async (owner) => {
  if (delivering || !owner) return;
  delivering = true;
  clearTimeout(waking);
  try {
    // Without locks (plain http outside of localhost) two tabs may try at once: the message is still stored once.
    const locked = navigator.locks ? (job) => navigator.locks.request(`chat-outbox:${owner}`, job) : (job) => job();
    let next = { item: null };
    while (next.item !== undefined) {
      next = due(owner);
      if (next.item)
        await locked(async () => {
          // Another tab may have been quicker. What says "sending" was left by a tab that is gone.
          const { item } = due(owner);
          if (item) await trySend(owner, item);
        });
    }
    if (next.soonest < Infinity)
      waking = setTimeout(() => deliver(owner), Math.max(50, next.soonest - Date.now()));
  } finally {
    delivering = false;
  }
};

const hurry = (owner) => {
  for (const item of items(owner)) if (item.state === "pending" && item.tries) update(owner, item.id, { next: 0 });
  deliver(owner);
};

// Who writes here: what the server says, or, while it cannot be asked, who wrote here last and has not signed out.
export const useOwner = (owner) => {
  const [known, setKnown] = useState("");
  useEffect(() => {
    if (owner) localStorage.setItem(USER, owner);
    setKnown(owner || localStorage.getItem(USER) || "");
  }, [owner]);
  return owner || known;
};

// The messages on their way, oldest first; delivers them while the page is open.
export const useOutbox = (owner) => {
  const list = useSyncExternalStore(
    subscribe,
    () => items(owner),
    () => snapshot.items,
  );
  useEffect(() => {
    if (!owner) return;
    const stored = (event) => {
      if (event.key === null || event.key.startsWith(prefix(owner))) {
        changed();
        deliver(owner);
      }
    };
    const online = () => hurry(owner);
    const seen = () => document.visibilityState === "visible" && deliver(owner);
    window.addEventListener("storage", stored);
    window.addEventListener("online", online);
    document.addEventListener("visibilitychange", seen);
    deliver(owner);
    return () => {
      window.removeEventListener("storage", stored);
      window.removeEventListener("online", online);
      document.removeEventListener("visibilitychange", seen);
    };
  }, [owner]);
  return list;
};
