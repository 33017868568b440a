// A file from here, from ChatGPT or from Open WebUI: chosen or dropped, and what came of it.
import { useEffect, useRef, useState } from "react";
import Upload from "lucide-react/dist/esm/icons/upload.mjs";
import { useWords } from "$/public/js/words.js";
import { amount } from "$/public/js/transfer/amounts.js";
import { Progress } from "$/public/js/transfer/progress.jsx";
import { upload } from "$/public/js/transfer/upload.js";

export function ImportForm({ megabytes }) {
  const t = useWords();
  const [progress, setProgress] = useState(null);
  const [outcome, setOutcome] = useState(null);
  const [over, setOver] = useState(false);
  const running = useRef(null);
  useEffect(() => () => running.current?.abort(), []);
  const bring = async (file) => {
    if (!file || progress) return;
    if (file.size > megabytes * 2 ** 20) {
      setOutcome({ failed: t("transfer.too-large", { megabytes }) });
      return;
    }
    running.current = new AbortController();
    setOutcome(null);
    setProgress({ sent: 0, size: file.size });
    const { data, detail } = await upload(t, file, { signal: running.current.signal, onProgress: setProgress });
    setProgress(null);
    setOutcome(data ? { summary: data } : detail && { failed: detail });
  };
  const drop = (event) => {
    event.preventDefault();
    setOver(false);
    bring(event.dataTransfer.files[0]);
  };
  return (
    <div className="transfer-import">
      <label
        className="transfer-drop"
        data-over={over || undefined}
        data-busy={Boolean(progress) || undefined}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={drop}
      >
        <Upload size={22} aria-hidden="true" />
        <strong>{t("transfer.import.choose")}</strong>
        <small className="muted">{t("transfer.import.hint", { megabytes })}</small>
        <input
          type="file"
          accept=".json,.zip,application/json,application/zip"
          disabled={Boolean(progress)}
          aria-label={t("transfer.import.choose")}
          data-testid="import-file"
          onChange={(event) => {
            bring(event.target.files[0]);
            event.target.value = ""; // the same file may be chosen again
          }}
        />
      </label>
      {progress && (
        <div className="transfer-running">
          <Progress label={labelOf(t, progress)} share={shareOf(progress)} />
          <button type="button" className="plain-button" onClick={() => running.current.abort()}>
            {t("common.cancel")}
          </button>
        </div>
      )}
      {outcome?.failed && (
        <p className="form-error" role="alert">
          {outcome.failed}
        </p>
      )}
      {outcome?.summary && <Summary {...outcome.summary} />}
    </div>
  );
}

const labelOf = (t, progress) =>
  progress.sent === undefined
    ? t("transfer.import.reading", { count: progress.new + progress.known + progress.skipped })
    : t("transfer.import.sending", { sent: amount(progress.sent, t.language), size: amount(progress.size, t.language) });

const shareOf = ({ sent, read, size }) => (size ? (sent ?? read) / size : undefined);

function Summary({ new: fresh, known, skipped, messages, left_out: leftOut, reasons }) {
  const t = useWords();
  return (
    <div className="transfer-summary" role="status" data-testid="import-summary">
      <p className="settings-done">{fresh ? t("transfer.import.new", { count: fresh }) : t("transfer.import.nothing")}</p>
      <ul>
        {fresh > 0 && <li>{t("transfer.import.messages", { count: messages })}</li>}
        {known > 0 && <li>{t("transfer.import.known", { count: known })}</li>}
        {Object.entries(leftOut).map(([why, count]) => (
          <li key={why}>{t(`transfer.import.left-out.${why}`, { count })}</li>
        ))}
        {skipped > 0 && (
          <li>
            <details>
              <summary>{t("transfer.import.skipped", { count: skipped })}</summary>
              <ul>
                {reasons.map(({ title, code }, position) => (
                  <li key={position}>
                    <bdi>{title || t("transfer.import.untitled")}</bdi>: {t(`transfer.reason.${code}`)}
                  </li>
                ))}
              </ul>
            </details>
          </li>
        )}
      </ul>
    </div>
  );
}
