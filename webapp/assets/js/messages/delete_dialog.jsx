// Before a message is gone for good.
import { Confirmation } from "$/public/js/sessions/dialogs.jsx";
import { useWords } from "$/public/js/words.js";

export function DeleteDialog({ row, onDelete, onClose }) {
  const t = useWords();
  const what = row.role === "user" ? "messages.delete-question" : "messages.delete-answer";
  return (
    <Confirmation
      title={t(what)}
      text={t(`${what}.hint`)}
      yes={t("messages.delete")}
      no={t("messages.keep")}
      onYes={onDelete}
      onClose={onClose}
    />
  );
}
