// Markdown in pieces: each top-level block is a text of its own, so that of an answer that grows only the last one is
// formatted anew.
import remarkGfm from "remark-gfm";
import remarkParse from "remark-parse";
import { unified } from "unified";

export const parserWith = (...plugins) => plugins.reduce((parser, plugin) => parser.use(...plugin), unified().use(remarkParse).use(remarkGfm));
// Definitions of links and footnotes are good for the whole text.
const DEFINES = /^ {0,3}\[[^\]\n]+\]:/m;

// The text from each block's first line on. What follows the last block but one may still become part of the last.
const cut = (parser, text) => {
  const starts = parser
    .parse(text)
    .children.map((block) => text.lastIndexOf("\n", block.position.start.offset - 1) + 1)
    .filter((start, index, all) => index === 0 || start > all[index - 1]);
  return starts.map((start, index) => text.slice(index ? start : 0, starts[index + 1]));
};

// Takes a text that mostly grows; remembers where its finished blocks end.
export const makeSplitter = (parser) => {
  let done = [];
  let length = 0;
  let before = "";
  return (text) => {
    if (DEFINES.test(text)) return [text];
    if (!text.startsWith(before)) [done, length] = [[], 0];
    const tail = cut(parser, text.slice(length));
    const finished = tail.slice(0, -1);
    done = [...done, ...finished];
    length += finished.join("").length;
    before = text.slice(0, length);
    return [...done, ...tail.slice(-1)];
  };
};
