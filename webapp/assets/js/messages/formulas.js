// Which dollars are formulas: "$5 and $6" are prices. What is one is written with two dollars for remark-math, which
// is told that one dollar means nothing; \( \) and \[ \] are what many models write.
const CODE = /(```[\s\S]*?(?:```|$)|~~~[\s\S]*?(?:~~~|$)|(?<!`)(`+)(?!`)[\s\S]*?(?<!`)\2(?!`))/;
// As pandoc has it (https://pandoc.org/MANUAL.html, tex_math_dollars): no space inside, no digit after.
const INLINE = /(?<![\\$])\$(?![\s$])((?:\\.|[^$\\\n])*?[^\s$\\]|\\.)\$(?![\d$])/g;
const BLOCK = /(?<!\\)\$\$[\s\S]+?\$\$/;
const PARENTHESES = /\\\(([\s\S]+?)\\\)/g;
const BRACKETS = /\\\[([\s\S]+?)\\\]/g;

const isFormula = (inner) => /[\\^_={}<>]/.test(inner) || /^[a-zA-Z]('|\s*[-+*/]\s*\w+)*$/.test(inner) || /^\d*[a-zA-Z]$/.test(inner);

const inProse = (text, change) =>
  text
    .split(CODE)
    .reduce((parts, part, index) => (index % 3 === 2 ? parts : [...parts, index % 3 === 0 ? change(part ?? "") : part]), [])
    .join("");

export const hasFormula = (text) => {
  let found = false;
  inProse(text, (prose) => {
    found ||= [BLOCK, PARENTHESES, BRACKETS].some((form) => prose.search(form) >= 0);
    found ||= [...prose.matchAll(INLINE)].some(([, inner]) => isFormula(inner));
    return prose;
  });
  return found;
};

const inline = (formula) => "$$" + formula.trim() + "$$";

export const withFormulas = (text) =>
  inProse(text, (prose) =>
    prose
      .replace(INLINE, (whole, inner) => (isFormula(inner) ? inline(inner) : whole))
      .replace(PARENTHESES, (_, inner) => inline(inner))
      .replace(BRACKETS, (_, inner) => "\n$$\n" + inner.trim() + "\n$$\n"),
  );
