// What the reader does with sessions: shown at once, taken back with a message where the server refuses.
import { toast } from "sonner";
import { draft, find, remove, take } from "$/public/js/sessions/store.js";

const AT_ONCE = 500;
const PATIENCE = 30000;
const LONGEST_TITLE = 200;
const LONGEST_CATEGORY = 50;
const SHOWN = 40;

const shorten = (text) => (text.length > SHOWN ? `${text.slice(0, SHOWN - 1)}…` : text);

const drawer = () => document.querySelector("#sidebar:popover-open");
export const closeDrawer = () => drawer()?.hidePopover();

// A drawer would cover what is said.
const say = (text, options) => {
  closeDrawer();
  toast(text, options);
};
// What the list shows by itself need not be said above it.
const mention = (text, options) => drawer() ?? toast(text, options);

// Throws an Error with what to tell the reader, or without where nothing answered.
const post = async (path, body) => {
  let answer;
  try {
    answer = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE),
    });
  } catch {
    throw new Error("");
  }
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(said.detail ?? "");
  return said;
};

const inParts = async (ids, job) => {
  for (let start = 0; start < ids.length; start += AT_ONCE) await job(ids.slice(start, start + AT_ONCE));
};

// Whether the server agreed.
const change = async (ids, changes, t) => {
  const undo = draft(ids, changes);
  try {
    await inParts(ids, async (part) => {
      const { rows } = await post("/sessions/changes", { ids: part, changes });
      take(rows);
    });
    return true;
  } catch (error) {
    say(error.message || t("sessions.not-changed"), { id: "sessions-refused" });
    return false;
  } finally {
    undo();
  }
};

const counted = (ids, what, t) => {
  const title = ids.length === 1 ? shorten(titleOf(find(ids[0]), t)) : "";
  return title ? t(`sessions.${what}`, { title }) : t(`sessions.${what}-many`, { count: ids.length });
};

// Nobody has named it: then its name is the reader's word for a new chat.
export const titleOf = (row, t) =>
  row?.title === "New chat" && row.auto_title ? t("sessions.untitled") : (row?.title ?? "");

export const rename = (id, title, t) => {
  const wanted = title.trim().slice(0, LONGEST_TITLE);
  const row = find(id);
  if (!wanted || wanted === row?.title) return;
  change([id], { title: wanted }, t);
};

export const pin = (ids, pinned, t) => change(ids, { is_pinned: pinned }, t);

export const move = async (ids, category, t) => {
  const wanted = category.trim().slice(0, LONGEST_CATEGORY);
  const moving = ids.filter((id) => find(id)?.category !== wanted);
  if (!wanted || !moving.length) return;
  if (await change(moving, { category: wanted }, t))
    mention(t("sessions.moved", { count: moving.length, category: wanted }), { id: "sessions-moved" });
};

const undoable = (text, id, t, back) =>
  say(text, { id, duration: 10000, action: { label: t("common.undo"), onClick: back } });

export const archive = async (ids, t) => {
  const words = counted(ids, "archived", t);
  if (await change(ids, { is_archived: true }, t))
    undoable(words, `archived-${ids[0]}`, t, () => change(ids, { is_archived: false }, t));
};

export const unarchive = (ids, t) => change(ids, { is_archived: false }, t);

// Into the trash. `leave` and `comeBack` are for the open one.
export const trash = async (ids, t, { leave, comeBack } = {}) => {
  const words = counted(ids, "deleted", t);
  const deleting = change(ids, { is_active: false }, t);
  leave?.();
  if (!(await deleting)) {
    comeBack?.();
    return;
  }
  undoable(words, `deleted-${ids[0]}`, t, async () => {
    if (await change(ids, { is_active: true }, t)) comeBack?.();
  });
};

export const restore = (ids, t) => change(ids, { is_active: true, is_archived: false }, t);

export const forget = async (ids, t) => {
  try {
    await inParts(ids, async (part) => {
      await post("/sessions/delete-forever", { ids: part });
      remove(part);
    });
    mention(t("sessions.gone", { count: ids.length }), { id: "sessions-gone" });
  } catch (error) {
    say(error.message || t("sessions.not-changed"), { id: "sessions-refused" });
  }
};

export const emptyTrash = async (t) => {
  try {
    const { ids } = await post("/sessions/empty-trash", {});
    remove(ids);
    mention(t("sessions.gone", { count: ids.length }), { id: "sessions-gone" });
  } catch (error) {
    say(error.message || t("sessions.not-changed"), { id: "sessions-refused" });
  }
};
