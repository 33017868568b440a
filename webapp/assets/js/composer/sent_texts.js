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

// Newest first: those of this chat, then those of others. `shown` are this chat's as the page knows them.
export const sentTexts = (owner, sessionId, shown) => {
  const sent = read(owner);
  const here = (other) => (other.sessionId === sessionId ? 0 : 1);
  const texts = [...sent].sort((a, b) => here(a) - here(b)).map(({ text }) => text);
  const own = sent.filter((other) => !here(other)).length;
  return [...new Set([...texts.slice(0, own), ...shown, ...texts.slice(own)])];
};
