// Before a message is gone for good.
import { Confirmation } from "$/public/js/sessions/dialogs.jsx";
import { useWords } from "$/public/js/words.js";

export function DeleteDialog({ row, onDelete, onClose }) {
  const t = useWords();
  const asked = row.role === "user";
  return (
    <Confirmation
      title={asked ? t("messages.delete-question") : t("messages.delete-answer")}
      text={asked ? t("messages.delete-question.hint") : t("messages.delete-answer.hint")}
      yes={t("messages.delete")}
      no={t("messages.keep")}
      onYes={onDelete}
      onClose={onClose}
    />
  );
}
