// One chat, or all of them, as a file: asked for by the action "export".
import { useState } from "react";
import { useParams } from "react-router";
import { useAction } from "$/public/js/actions.js";
import { Dialog } from "$/public/js/sessions/dialogs.jsx";
import { useWords } from "$/public/js/words.js";
import { ExportForm } from "$/public/js/transfer/export_form.jsx";

export function ExportDialog() {
  const t = useWords();
  const { session_id: open } = useParams();
  const [asked, setAsked] = useState(null);
  useAction("export", ({ sessionId }) => setAsked({ sessionId: sessionId ?? open }));
  const close = () => setAsked(null);
  return (
    asked && (
      <Dialog title={t("transfer.export.title")} onClose={close}>
        <div className="settings-dialog">
          <ExportForm sessionId={asked.sessionId} usual="markdown" onCancel={close} onDone={close} />
        </div>
      </Dialog>
    )
  );
}
