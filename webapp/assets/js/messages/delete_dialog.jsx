// Before a message is gone for good. The browser's own dialog: it keeps the focus, and Escape closes it.
import { useEffect, useRef } from "react";
import { useWords } from "$/public/js/words.js";

export function DeleteDialog({ row, onDelete, onClose }) {
  const t = useWords();
  const dialog = useRef(null);
  useEffect(() => {
    dialog.current.showModal();
  }, []);
  const own = row.role === "user";
  return (
    <dialog
      ref={dialog}
      className="delete-dialog"
      aria-labelledby="delete-title"
      onClose={onClose}
      // A press beside it.
      onClick={(event) => event.target === dialog.current && dialog.current.close()}
    >
      <form method="dialog">
        <h2 id="delete-title">{t(own ? "messages.delete-question" : "messages.delete-answer")}</h2>
        <p>{t(own ? "messages.delete-question.hint" : "messages.delete-answer.hint")}</p>
        <div className="dialog-buttons">
          <button type="submit" className="plain-button">
            {t("messages.keep")}
          </button>
          <button type="submit" className="danger-button" onClick={onDelete} data-testid="confirm-delete">
            {t("messages.delete")}
          </button>
        </div>
      </form>
    </dialog>
  );
}
