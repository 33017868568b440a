// A question that is written anew, in its place. What it becomes goes through the outbox as any other message.
import { useLayoutEffect, useRef, useState } from "react";
import { add, newId } from "$/public/js/outbox.js";
import { useWords } from "$/public/js/words.js";

export function EditField({ row, actions }) {
  const t = useWords();
  const field = useRef(null);
  const [text, setText] = useState(row.content);
  const [problem, setProblem] = useState("");
  const spare = Array.from(text.trim()).length - actions.longest;
  const fit = () => {
    field.current.style.height = "auto";
    field.current.style.height = `${field.current.scrollHeight}px`;
  };
  useLayoutEffect(() => {
    fit();
    field.current.focus();
    field.current.setSelectionRange(text.length, text.length);
  }, []);
  const leave = () => actions.edit("");
  const send = () => {
    if (!text.trim() || spare > 0) return;
    if (text.trim() !== row.content) {
      try {
        const message = { id: newId(), sessionId: actions.sessionId, title: "", text: text.trim() };
        add(actions.owner, { ...message, editOf: row.message_id });
      } catch {
        setProblem(t("messages.edit-full"));
        return;
      }
    }
    leave();
  };
  return (
    <div className="edit-field">
      <textarea
        ref={field}
        rows={1}
        value={text}
        aria-label={t("messages.edit-label")}
        data-testid="edit-field"
        onChange={(event) => {
          setText(event.target.value);
          fit();
        }}
        onKeyDown={(event) => {
          if (event.nativeEvent.isComposing) return;
          if (event.key === "Escape") leave();
          if (event.key !== "Enter" || event.shiftKey || matchMedia("(pointer: coarse)").matches) return;
          event.preventDefault();
          send();
        }}
      />
      {(problem || spare > 0) && <p role="alert">{problem || t("messages.edit-too-long", { count: spare })}</p>}
      <div className="edit-buttons">
        <span className="muted">{t("messages.edit-hint")}</span>
        <button type="button" className="plain-button" onClick={leave}>
          {t("common.cancel")}
        </button>
        <button type="button" className="primary-button" onClick={send} disabled={!text.trim() || spare > 0} data-testid="send-edit">
          {t("messages.send")}
        </button>
      </div>
    </div>
  );
}
