// Answers are Markdown written by a machine: formatted, never trusted. No raw HTML; nothing is loaded from elsewhere
// unless the reader asks for it; links leave in a new tab.
import { memo, useEffect, useMemo, useState } from "react";
import ReactMarkdown from "react-markdown";
import remarkGfm from "remark-gfm";
import { CodeBlock } from "$/public/js/messages/code_block.jsx";
import { makeSplitter, parserWith } from "$/public/js/messages/blocks.js";
import { hasFormula, withFormulas } from "$/public/js/messages/formulas.js";
import { useWords } from "$/public/js/words.js";

const KEPT_BLOCKS = 400;
const PLAIN = { parser: parserWith(), remark: [remarkGfm], rehype: [], prepare: (text) => text };

let math = null; // what formulas need, once one has been seen
let loading = null;
const loadMath = () => (loading ??= import("$/public/js/messages/math.js").then((loaded) => (math = { ...loaded.MATH, prepare: withFormulas })));

const useStyle = (text) => {
  const wanted = useMemo(() => hasFormula(text), [text]);
  const [, redraw] = useState(0);
  useEffect(() => {
    if (wanted && !math) loadMath().then(() => redraw(1), () => (loading = null));
  }, [wanted]);
  return wanted && math ? math : PLAIN;
};

// Names within a text would meet those of other messages, and of the page.
const nameless = () => (tree) => {
  const strip = (node) => {
    if (node.properties) {
      delete node.properties.id;
      delete node.properties.ariaDescribedBy;
    }
    node.children?.forEach(strip);
  };
  strip(tree);
};

const Link = ({ href, children }) =>
  href && !href.startsWith("#") ? (
    <a href={href} target="_blank" rel="noopener noreferrer nofollow">
      {children}
    </a>
  ) : (
    <span>{children}</span>
  );

// Its server would learn who reads what, and when: so the reader asks for it.
function Image({ src, alt }) {
  const t = useWords();
  const [shown, setShown] = useState(false);
  const address = src ? new URL(src, location.href) : null;
  if (shown) return <img src={src} alt={alt} referrerPolicy="no-referrer" className="linked-image" />;
  const mayShow = address && (address.protocol === "https:" || address.origin === location.origin);
  return (
    <span className="image-card" data-testid="image-card">
      <span className="image-name">{alt || t("messages.image")}</span>
      {address && (
        <a href={src} target="_blank" rel="noopener noreferrer nofollow">
          {address.host}
        </a>
      )}
      {mayShow && (
        <button type="button" className="plain-button" onClick={() => setShown(true)} data-testid="show-image">
          {t("messages.show-image")}
        </button>
      )}
    </span>
  );
}

function Table({ children }) {
  const t = useWords();
  return (
    <div className="table-frame" role="group" aria-label={t("messages.table")} tabIndex={0}>
      <table>{children}</table>
    </div>
  );
}

function Task({ checked }) {
  const t = useWords();
  return <input type="checkbox" checked={Boolean(checked)} disabled readOnly aria-label={t(checked ? "messages.done" : "messages.to-do")} />;
}

const textOf = (node) => node?.value ?? node?.children?.map(textOf).join("") ?? "";

function Pre({ node, children }) {
  const [code] = node.children;
  if (code?.tagName !== "code") return <pre>{children}</pre>;
  const language = code.properties.className?.find((name) => name.startsWith?.("language-"))?.slice(9) ?? "";
  return <CodeBlock language={language} code={textOf(code).replace(/\n$/, "")} />;
}

// An answer's headings are below those of the page.
const heading =
  (Tag) =>
  ({ children }) => <Tag>{children}</Tag>;
const components = {
  a: Link,
  img: Image,
  table: Table,
  input: Task,
  pre: Pre,
  h1: heading("h3"),
  h2: heading("h4"),
  h3: heading("h5"),
  h4: heading("h5"),
  h5: heading("h5"),
  h6: heading("h5"),
};

// What is scrolled out of sight and back is not formatted again.
const kept = new Map();
const format = (text, style) => {
  const key = `${style === PLAIN ? "" : "$"}${text}`;
  const element =
    kept.get(key) ??
    ReactMarkdown({ children: text, components, remarkPlugins: style.remark, rehypePlugins: [...style.rehype, nameless] });
  kept.delete(key);
  kept.set(key, element);
  if (kept.size > KEPT_BLOCKS) kept.delete(kept.keys().next().value);
  return element;
};

const Block = memo(function Block({ text, style }) {
  return format(text, style);
});

export const Markdown = memo(function Markdown({ text }) {
  const style = useStyle(text);
  const split = useMemo(() => makeSplitter(style.parser), [style]);
  return (
    <div className="markdown">
      {split(style.prepare(text)).map((block, index) => (
        <Block key={index} text={block} style={style} />
      ))}
    </div>
  );
});
