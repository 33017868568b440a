// What formulas need: loaded when the first one is seen. KaTeX draws what it is given and runs nothing of it
// (https://katex.org/docs/security): sizes and expansions are bounded.
import "katex/dist/katex.min.css";
import rehypeKatex from "rehype-katex";
import remarkGfm from "remark-gfm";
import remarkMath from "remark-math";
import { parserWith } from "$/public/js/messages/blocks.js";

const MARKS = { singleDollarTextMath: false };
const BOUNDS = { trust: false, strict: "ignore", throwOnError: false, maxSize: 12, maxExpand: 200, errorColor: "inherit" };

export const MATH = {
  parser: parserWith([remarkMath, MARKS]),
  remark: [remarkGfm, [remarkMath, MARKS]],
  rehype: [[rehypeKatex, BOUNDS]],
};
