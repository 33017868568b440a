// A piece of code: its language, a button that copies it, and colours once they are there.
import { useEffect, useRef, useState } from "react";
import { Check, Copy } from "lucide-react";
import { useWords } from "$/public/js/words.js";

// Between two colourings of code that is being written (ms), and what is too long for one (characters).
const PAUSE = 400;
const LONGEST = 60_000;

const load = () => import("$/public/js/messages/highlighter.js");

// {code, drawn}: colours for as much of it as there are yet.
const useColours = (language, code) => {
  const [coloured, setColoured] = useState({ code: "", drawn: null });
  const last = useRef(0);
  useEffect(() => {
    if (!language || code.length > LONGEST) return;
    let left = false;
    const timer = setTimeout(
      async () => {
        const { highlight } = await load();
        const drawn = await highlight(language, code);
        last.current = performance.now();
        if (!left && drawn) setColoured({ code, drawn });
      },
      Math.max(0, last.current + PAUSE - performance.now()),
    );
    return () => {
      left = true;
      clearTimeout(timer);
    };
  }, [language, code]);
  return coloured.drawn && code.startsWith(coloured.code) ? coloured : { code: "", drawn: null };
};

export function CodeBlock({ language, code }) {
  const t = useWords();
  const coloured = useColours(language, code);
  const [copied, setCopied] = useState(false);
  const copy = () =>
    navigator.clipboard?.writeText(code).then(() => {
      setCopied(true);
      setTimeout(() => setCopied(false), 1500);
    });
  const Icon = copied ? Check : Copy;
  return (
    <div className="code-frame" data-testid="code">
      <div className="code-bar">
        <span className="code-language">{language || t("messages.code")}</span>
        <button type="button" className="code-copy" onClick={copy} data-testid="copy-code">
          <Icon size={13} aria-hidden="true" /> {t(copied ? "messages.copied" : "messages.copy-code")}
        </button>
      </div>
      <pre tabIndex={0}>
        <code>
          {coloured.drawn}
          {code.slice(coloured.code.length)}
        </code>
      </pre>
    </div>
  );
}
