// What is being written and not yet sent: one text a chat, kept in this browser until it is sent.
const SOON = 300;
// Writing this much anew for each letter is felt.
const LONG = 4000;

export const EDIT = "chat-edit";
export const draftKey = (owner, sessionId) => `chat-draft:${owner}:${sessionId || "new"}`;

let late = null;
let becoming = "";

// The front page becomes this chat: what is typed or sent there before the route says so is the chat's already.
export const becomes = (sessionId) => {
  becoming = sessionId;
};
export const becomesNow = () => becoming;

// `origin` is the message that this text was, if it was one: unchanged, it is sent as that again.
export const keepDraft = (key, text, origin) => {
  flushDraft(key);
  if (!text) {
    localStorage.removeItem(key);
    return;
  }
  const write = () => localStorage.setItem(key, JSON.stringify({ text, origin }));
  if (text.length < LONG) write();
  else late = { key, write, timer: setTimeout(flushDraft, SOON) };
};

// What is not written yet is written now; that of `replaced` need not be.
export const flushDraft = (replaced) => {
  if (!late) return;
  const { key, write, timer } = late;
  clearTimeout(timer);
  late = null;
  if (key !== replaced) write();
};

export const readDraft = (key) => {
  flushDraft();
  return JSON.parse(localStorage.getItem(key) ?? "null");
};

export const moveDraft = (from, to) => {
  flushDraft();
  const draft = localStorage.getItem(from);
  if (draft) localStorage.setItem(to, draft);
  localStorage.removeItem(from);
};

// Leaving loses nothing.
if (typeof window !== "undefined") window.addEventListener("pagehide", () => flushDraft());
