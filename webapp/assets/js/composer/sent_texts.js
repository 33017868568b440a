// What its author has sent lately, for arrow-up: kept in this browser, gone with the sign-out.
const MOST = 100;
const LONGEST = 10000;

const keyOf = (owner) => `chat-sent-texts:${owner}`;

const read = (owner) => {
  try {
    return JSON.parse(localStorage.getItem(keyOf(owner))) ?? [];
  } catch {
    return [];
  }
};

export const remember = (owner, sessionId, text) => {
  if (text.length > LONGEST) return;
  const others = read(owner).filter((sent) => sent.sessionId !== sessionId || sent.text !== text);
  try {
    localStorage.setItem(keyOf(owner), JSON.stringify([{ sessionId, text }, ...others].slice(0, MOST)));
  } catch {
    localStorage.removeItem(keyOf(owner)); // room for messages comes first
  }
};

// Newest first: those of this chat, then those of others. `shown` are this chat's as the page knows them, from any
// device; the very last may not have arrived yet.
export const sentTexts = (owner, sessionId, shown) => {
  const sent = read(owner);
  const here = sent.filter((one) => one.sessionId === sessionId).map(({ text }) => text);
  const elsewhere = sent.filter((one) => one.sessionId !== sessionId).map(({ text }) => text);
  const last = shown.includes(here[0]) ? [] : here.slice(0, 1);
  return [...new Set([...last, ...shown, ...here, ...elsewhere])];
};
