// The sentences of an answer that have ended since the last time, as they are read out: without marks, without code.
const ENDS = /[.!?…]["'”’»)\]*_]*(?=\s)|[。！？]|\n/g;
const FENCE = /^[ \t]*(```|~~~)/gm;

const spoken = (markdown, t) =>
  markdown
    .replace(/^[ \t]*(```|~~~)[\s\S]*?(^[ \t]*\1[ \t]*$|$(?![\s\S]))/gm, ` ${t("announcer.code")} `)
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/^[ \t]*(#{1,6}|>|[-*+]|\|)[ \t]+/gm, "")
    .replace(/[*_`|]+/g, " ")
    .replace(/\s+/g, " ")
    .trim();

// Of `text`, which was read up to `taken`: what to read now, and up to where that is.
export const newSentences = (text, taken, done, t) => {
  const rest = text.slice(taken);
  let end = done ? rest.length : ([...rest.matchAll(ENDS)].at(-1) ?? { index: -1, 0: " " });
  if (!done) end = end.index + end[0].length;
  let part = rest.slice(0, end);
  // A block of code is one thing: it waits until it is closed.
  const fences = [...part.matchAll(FENCE)];
  if (!done && fences.length % 2) part = part.slice(0, fences.at(-1).index);
  return [spoken(part, t), taken + part.length];
};
