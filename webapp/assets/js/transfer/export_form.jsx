// Which chats, as what, and how far it is. `sessionId` is the one that may leave alone; without it, all.
import { useEffect, useRef, useState } from "react";
import { useWords } from "$/public/js/words.js";
import { Choice, Outcome } from "$/public/js/settings/parts.jsx";
import { amount } from "$/public/js/transfer/amounts.js";
import { download } from "$/public/js/transfer/download.js";
import { Progress } from "$/public/js/transfer/progress.jsx";

const FORMATS = ["markdown", "pdf", "json"];

export function ExportForm({ sessionId, usual, onCancel, onDone }) {
  const t = useWords();
  const [alone, setAlone] = useState(Boolean(sessionId));
  const [format, setFormat] = useState(usual);
  const [progress, setProgress] = useState(null);
  const [outcome, setOutcome] = useState(null);
  const running = useRef(null);
  useEffect(() => () => running.current?.abort(), []);
  const start = async (event) => {
    event.preventDefault();
    running.current = new AbortController();
    setOutcome(null);
    setProgress({ bytes: 0, chats: null });
    const { data, detail } = await download(t, `/export?format=${format}${alone ? `&session=${sessionId}` : ""}`, {
      signal: running.current.signal,
      onBytes: (bytes, chats) => setProgress({ bytes, chats }),
    });
    setProgress(null);
    if (data && onDone) return onDone();
    return setOutcome(data ? { text: t("transfer.export.done", { size: amount(data.bytes, t.language) }) } : detail && { failed: detail });
  };
  const label = progress && labelOf(t, progress);
  const formats = FORMATS.map((each) => ({
    value: each,
    label: t(`transfer.format.${each}`),
    hint: t(`transfer.format.${each}.hint`),
  }));
  return (
    <form className="settings-form transfer-form" onSubmit={start} data-testid="export-form">
      {sessionId && (
        <Choice
          label={t("transfer.export.which")}
          value={alone}
          options={[
            { value: true, label: t("transfer.export.this") },
            { value: false, label: t("transfer.export.all") },
          ]}
          onChoose={setAlone}
        />
      )}
      <Choice rows label={t("transfer.format")} value={format} options={formats} onChoose={setFormat} />
      {progress && <Progress label={label} />}
      <Outcome outcome={outcome} />
      <div className="dialog-buttons">
        {(onCancel || progress) && (
          <button type="button" className="plain-button" onClick={() => (progress ? running.current.abort() : onCancel())}>
            {t("common.cancel")}
          </button>
        )}
        <button type="submit" className="primary-button small" disabled={Boolean(progress)}>
          {t("transfer.export")}
        </button>
      </div>
    </form>
  );
}

const labelOf = (t, { bytes, chats }) => {
  const size = amount(bytes, t.language);
  return chats === null ? t("transfer.export.progress", { size }) : t("transfer.export.progress-of", { size, count: chats });
};
