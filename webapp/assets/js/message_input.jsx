// Where one writes, and the one button beside it: it sends what is written, and stops an answer when nothing is.
// What is typed is kept in this browser until it is sent; what is sent is the outbox's (outbox.js).
import { useEffect, useRef, useState } from "react";
import { useParams } from "react-router";
import { add, newId, useOutbox, useOwner } from "$/public/js/outbox.js";
import { EDIT, belongs, draftKey as draftKeyOf } from "$/public/js/pending_messages.jsx";

const SUGGEST = "chat-suggest";

const read = (key) => JSON.parse(localStorage.getItem(key) ?? "null");
const write = (key, value) => localStorage.setItem(key, JSON.stringify(value));

export function MessageInput({ owner: told, unnamedId, answeringId, longest, onStop, label, placeholder }) {
  const owner = useOwner(told);
  const { session_id: sessionId = "" } = useParams();
  const outbox = useOutbox(owner);
  const field = useRef(null);
  const shown = useRef(null);
  const [problem, setProblem] = useState("");
  const [empty, setEmpty] = useState(true);
  const [stopping, setStopping] = useState("");
  const draftKey = draftKeyOf(owner, sessionId);
  const stops = empty && answeringId !== "";

  // `origin` is the message that this text was, if it was one: unchanged, it is sent as that again.
  const keep = (origin) => {
    const text = field.current.value;
    field.current.style.height = "auto";
    field.current.style.height = `${field.current.scrollHeight}px`;
    setEmpty(!text.trim());
    if (!owner) return;
    if (text) write(draftKey, { text, origin });
    else localStorage.removeItem(draftKey);
  };

  useEffect(() => {
    // What was typed before the page knew who writes stays; the text of another chat does not.
    const typed = shown.current === null || shown.current === sessionId ? field.current.value : "";
    if (owner) shown.current = sessionId;
    const kept = owner ? read(draftKey) : null;
    field.current.value = typed || (kept?.text ?? "");
    keep(typed ? undefined : kept?.origin);
    if (matchMedia("(pointer: fine)").matches) field.current.focus({ preventScroll: true });
  }, [draftKey]);

  useEffect(() => {
    const suggest = (event) => {
      field.current.value = event.detail;
      keep();
      field.current.focus();
    };
    const edit = ({ detail: { text, id, sessionId: target, title } }) => {
      const typed = field.current.value;
      field.current.value = typed ? `${text}\n\n${typed}` : text;
      keep(typed ? undefined : { id, sessionId: target, title });
      field.current.focus();
    };
    window.addEventListener(SUGGEST, suggest);
    window.addEventListener(EDIT, edit);
    return () => {
      window.removeEventListener(SUGGEST, suggest);
      window.removeEventListener(EDIT, edit);
    };
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
    const again = draft?.origin && draft.text.trim() === text ? draft.origin : null;
    // On the front page the first message makes the session, and what follows before there is one belongs to it.
    const first = outbox.find((item) => belongs(item, sessionId) && item.state !== "sent");
    const target = sessionId
      ? { id: newId(), sessionId, title: unnamedId === sessionId ? "name" : "" }
      : { id: newId(), sessionId: first?.sessionId ?? newId(), title: "create" };
    try {
      add(owner, { ...target, ...again, text });
    } catch {
      setProblem("This browser cannot keep any more unsent messages. What is written here stays.");
      return;
    }
    field.current.value = "";
    keep();
    if (matchMedia("(pointer: fine)").matches) field.current.focus({ preventScroll: true });
  };

  const stop = () => {
    setStopping(answeringId);
    onStop(answeringId);
    // Should the server not hear it, the button is there again.
    setTimeout(() => setStopping(""), 5000);
  };

  useEffect(() => {
    const form = field.current.form;
    const submit = (event) => {
      event.preventDefault();
      if (stops) stop();
      else send();
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
            if (!empty) send();
          }
          if (event.key === "Escape" && answeringId) stop();
        }}
      />
      {stops ? (
        <button
          type="submit"
          className="send-button stop"
          aria-label="Stop the answer"
          title="Stop (Esc)"
          data-testid="stop"
          disabled={stopping === answeringId}
        >
          <svg width="14" height="14" aria-hidden="true">
            <rect width="14" height="14" rx="3" fill="currentColor" />
          </svg>
        </button>
      ) : (
        <button
          type="submit"
          className="send-button"
          aria-label="Send"
          title="Send (Enter)"
          data-testid="send"
          // Before the page is alive a click would load it anew, without what was typed.
          disabled={!owner || empty}
        >
          <svg width="19" height="19" viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="2" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true">
            <path d="m5 12 7-7 7 7M12 19V5" />
          </svg>
        </button>
      )}
    </>
  );
}
