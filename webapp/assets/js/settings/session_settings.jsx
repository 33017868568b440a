// What the assistant of one chat is told, and how freely it answers: a dialog, asked for by the action
// "session-settings".
import { useEffect, useId, useState } from "react";
import { useParams } from "react-router";
import { useAction } from "$/public/js/actions.js";
import { Dialog } from "$/public/js/sessions/dialogs.jsx";
import { useWords } from "$/public/js/words.js";
import { call } from "$/public/js/settings/calls.js";
import { Outcome } from "$/public/js/settings/parts.jsx";

const LONGEST_PROMPT = 8000;
const NEAR = 500;
const USUAL_TEMPERATURE = 0.7;

export function SessionSettings() {
  const { session_id: open } = useParams();
  const [shown, setShown] = useState("");
  useAction("session-settings", ({ sessionId }) => setShown(sessionId ?? open ?? ""));
  return shown && <SettingsDialog key={shown} sessionId={shown} onClose={() => setShown("")} />;
}

function SettingsDialog({ sessionId, onClose }) {
  const t = useWords();
  const path = `/sessions/${sessionId}/settings`;
  const [session, setSession] = useState(null);
  const [outcome, setOutcome] = useState(null);
  useEffect(() => {
    call(t, "GET", path).then(({ data, detail }) => (data ? setSession(data) : setOutcome({ failed: detail })));
  }, [path]);
  return (
    <Dialog title={t("settings.session")} onClose={onClose}>
      <div className="settings-dialog wide">
        {session ? (
          <SettingsForm session={session} path={path} onClose={onClose} />
        ) : (
          <>
            <Outcome outcome={outcome} />
            {!outcome && <div className="skeleton settings-loading" aria-busy="true" />}
          </>
        )}
      </div>
    </Dialog>
  );
}

function SettingsForm({ session, path, onClose }) {
  const t = useWords();
  const id = useId();
  const [prompt, setPrompt] = useState(session.system_prompt ?? "");
  const [temperature, setTemperature] = useState(session.temperature);
  const [outcome, setOutcome] = useState(null);
  const [busy, setBusy] = useState(false);
  const left = LONGEST_PROMPT - prompt.length;
  const save = async (event) => {
    event.preventDefault();
    setBusy(true);
    const { data, detail } = await call(t, "PUT", path, { system_prompt: prompt.trim() || null, temperature });
    if (data) return onClose();
    setBusy(false);
    return setOutcome({ failed: detail });
  };
  return (
    <form className="settings-form" onSubmit={save} data-testid="session-settings">
      <p className="muted settings-of" dir="auto">
        {session.title}
      </p>
      <label className="settings-field">
        <span>{t("settings.session.prompt")}</span>
        <textarea
          rows={7}
          maxLength={LONGEST_PROMPT}
          value={prompt}
          dir="auto"
          placeholder={t("settings.session.prompt-example")}
          autoFocus
          onChange={(event) => setPrompt(event.target.value)}
        />
        <small className="muted">
          {left < NEAR ? t("settings.session.left", { count: left }) : t("settings.session.prompt-hint")}
        </small>
      </label>
      <div className="settings-field">
        <label htmlFor={id}>{t("settings.session.temperature")}</label>
        <label className="settings-check">
          <input
            type="checkbox"
            checked={temperature === null}
            onChange={(event) => setTemperature(event.target.checked ? null : USUAL_TEMPERATURE)}
          />
          {t("settings.session.model-decides")}
        </label>
        {temperature !== null && (
          <span className="settings-slider">
            <small className="muted">{t("settings.session.exact")}</small>
            <input
              id={id}
              type="range"
              min={0}
              max={2}
              step={0.1}
              value={temperature}
              onChange={(event) => setTemperature(Number(event.target.value))}
            />
            <small className="muted">{t("settings.session.free")}</small>
            <output htmlFor={id}>{temperature.toLocaleString(t.language, { minimumFractionDigits: 1 })}</output>
          </span>
        )}
      </div>
      <Outcome outcome={outcome} />
      <div className="dialog-buttons">
        <button type="button" className="plain-button" onClick={onClose}>
          {t("common.cancel")}
        </button>
        <button type="submit" className="primary-button small" disabled={busy}>
          {t("settings.save")}
        </button>
      </div>
    </form>
  );
}
