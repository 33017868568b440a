// A text field that loses nothing. What is typed is kept in this browser until it is sent, and what is sent
// until the server has it. A text that comes back keeps its message id: sent again, it is still one message.
import { useEffect, useRef, useState } from "react";

const SUGGEST = "chat-suggest";
// Sent from this page and not yet heard of; after a reload this is empty, and what was kept is shown again.
const underWay = new Set();

const read = (key) => JSON.parse(localStorage.getItem(key) ?? "null");
const write = (key, value) => localStorage.setItem(key, JSON.stringify(value));

// crypto.randomUUID is missing on plain http outside of localhost.
const newId = () => {
  const b = crypto.getRandomValues(new Uint8Array(16));
  b[6] = (b[6] & 0x0f) | 0x40;
  b[8] = (b[8] & 0x3f) | 0x80;
  const hex = Array.from(b, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
};

export function MessageInput({ owner, sessionId, ready, savedIds, returnedId, longest, onSend, label, placeholder }) {
  const field = useRef(null);
  const shown = useRef(null);
  const [problem, setProblem] = useState("");
  const draftKey = `chat-draft:${owner}:${sessionId || "new"}`;
  const sentPrefix = `chat-draft-sent:${owner}:`;

  const fit = () => {
    field.current.style.height = "auto";
    field.current.style.height = `${field.current.scrollHeight}px`;
  };
  const keep = (id) => {
    const text = field.current.value;
    fit();
    if (!owner) return;
    if (text) write(draftKey, { text, id });
    else localStorage.removeItem(draftKey);
  };
  const takeBack = (id) => {
    const sent = read(sentPrefix + id);
    underWay.delete(id);
    localStorage.removeItem(sentPrefix + id);
    if (!sent) return;
    const typed = field.current.value;
    field.current.value = typed ? `${sent.text}\n\n${typed}` : sent.text;
    keep(typed ? undefined : id);
  };

  useEffect(() => {
    // What was typed before the page knew who writes stays; the text of another chat does not.
    const typed = shown.current === null || shown.current === sessionId ? field.current.value : "";
    if (owner) shown.current = sessionId;
    const kept = read(draftKey);
    field.current.value = typed || (kept?.text ?? "");
    keep(typed ? undefined : kept?.id);
    if (matchMedia("(pointer: fine)").matches) field.current.focus({ preventScroll: true });
  }, [draftKey]);

  useEffect(() => {
    for (const id of savedIds) {
      underWay.delete(id);
      localStorage.removeItem(sentPrefix + id);
    }
    if (!ready || !owner) return;
    const left = Object.keys(localStorage).filter((key) => key.startsWith(sentPrefix));
    for (const key of left) {
      const id = key.slice(sentPrefix.length);
      if (read(key).sessionId === sessionId && !underWay.has(id)) takeBack(id);
    }
  }, [savedIds.join(), ready, draftKey]);

  useEffect(() => {
    if (returnedId) takeBack(returnedId);
  }, [returnedId]);

  useEffect(() => {
    const suggest = (event) => {
      field.current.value = event.detail;
      keep();
      field.current.focus();
    };
    window.addEventListener(SUGGEST, suggest);
    return () => window.removeEventListener(SUGGEST, suggest);
  }, [draftKey]);

  const send = () => {
    const text = field.current.value.trim();
    if (!text || !owner) return;
    const length = Array.from(text).length;
    if (length > longest) {
      const spare = (length - longest).toLocaleString();
      setProblem(`This is too long by ${spare}${spare === "1" ? " character" : " characters"}. Shorten it, or send it in parts.`);
      return;
    }
    const draft = read(draftKey);
    const id = draft?.id && draft.text.trim() === text ? draft.id : newId();
    underWay.add(id);
    write(sentPrefix + id, { sessionId, text });
    field.current.value = "";
    keep();
    document.querySelector(".scroller")?.scrollTo({ top: 0 });
    onSend(sessionId, id, text);
  };

  useEffect(() => {
    const form = field.current.form;
    const submit = (event) => {
      event.preventDefault();
      send();
    };
    form.addEventListener("submit", submit);
    return () => form.removeEventListener("submit", submit);
  });

  return (
    <>
      {problem && <p className="input-problem" role="alert">{problem}</p>}
      <textarea
        ref={field}
        className="message-input"
        data-testid="message-input"
        rows={1}
        aria-label={label}
        placeholder={placeholder}
        enterKeyHint="enter"
        onInput={() => {
          setProblem("");
          keep();
        }}
        onKeyDown={(event) => {
          // Enter also ends the composition of a Japanese or Chinese word; a phone's Enter is a new line.
          const plain = event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing;
          if (plain && !matchMedia("(pointer: coarse)").matches) {
            event.preventDefault();
            event.currentTarget.form.requestSubmit();
          }
        }}
      />
    </>
  );
}
