// The part of the settings page about exports and imports.
import { useWords } from "$/public/js/words.js";
import { ExportForm } from "$/public/js/transfer/export_form.jsx";
import { ImportForm } from "$/public/js/transfer/import_form.jsx";

export function TransferSection({ megabytes }) {
  const t = useWords();
  return (
    <div className="transfer">
      <h3>{t("transfer.export.title")}</h3>
      <p className="muted settings-hint">{t("transfer.export.about")}</p>
      <ExportForm usual="json" />
      <h3>{t("transfer.import.title")}</h3>
      <p className="muted settings-hint">{t("transfer.import.about")}</p>
      <ImportForm megabytes={megabytes} />
    </div>
  );
}
