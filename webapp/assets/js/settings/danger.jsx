// What takes chats away for good: how long they are kept, and the end of the account.
import { useState } from "react";
import { Confirmation, Dialog } from "$/public/js/sessions/dialogs.jsx";
import { useWords } from "$/public/js/words.js";
import { call, forgetEverything } from "$/public/js/settings/calls.js";
import { Choice, Outcome, PasswordField, Section } from "$/public/js/settings/parts.jsx";

const KEPT_FOR = [null, 365, 90, 30];

export function Retention({ days, onChange }) {
  const t = useWords();
  const [asked, setAsked] = useState(null);
  const [outcome, setOutcome] = useState(null);
  const save = async (wanted) => {
    const { data, detail } = await call(t, "PUT", "/account/retention", { days: wanted });
    setOutcome(data ? { text: t("settings.saved") } : { failed: detail });
    if (data) onChange(wanted);
  };
  // Less time is asked about: what is older goes within minutes.
  const choose = (wanted) =>
    wanted !== null && (days === null || wanted < days) ? setAsked(wanted) : save(wanted);
  const options = KEPT_FOR.map((each) => ({
    value: each,
    label: each === null ? t("settings.retention.forever") : t("settings.retention.days", { count: each }),
  }));
  return (
    <Section id="retention" title={t("settings.retention")} hint={t("settings.retention.about")}>
      <Choice rows label={t("settings.retention")} value={days} options={options} onChoose={choose} />
      <Outcome outcome={outcome} />
      {asked !== null && (
        <Confirmation
          title={t("settings.retention.sure", { count: asked })}
          text={t("settings.retention.sure-text", { count: asked })}
          yes={t("settings.retention.yes")}
          no={t("common.cancel")}
          onYes={() => save(asked)}
          onClose={() => setAsked(null)}
        />
      )}
    </Section>
  );
}

function DeleteDialog({ username, onClose, onExport, onGoing }) {
  const t = useWords();
  const [password, setPassword] = useState("");
  const [outcome, setOutcome] = useState(null);
  const [busy, setBusy] = useState(false);
  const remove = async (event) => {
    event.preventDefault();
    setBusy(true);
    onGoing(true); // the page may hear that it is signed out before it hears why
    const { data, detail } = await call(t, "DELETE", "/account", { password });
    if (data) {
      forgetEverything();
      location.assign("/sign-in?reason=deleted");
      return;
    }
    onGoing(false);
    setBusy(false);
    setOutcome({ failed: detail });
  };
  return (
    <Dialog title={t("settings.delete.sure")} onClose={onClose}>
      <div className="settings-dialog">
        <p>{t("settings.delete.text")}</p>
        <p className="muted">
          {t("settings.delete.export-first")}{" "}
          <button type="button" className="text-button inline" onClick={onExport}>
            {t("settings.delete.export")}
          </button>
        </p>
        <form className="settings-form" onSubmit={remove}>
          <input type="text" name="username" autoComplete="username" value={username} readOnly hidden />
          <PasswordField
            name="password"
            label={t("settings.delete.password")}
            complete="current-password"
            value={password}
            onChange={setPassword}
            autoFocus
          />
          <Outcome outcome={outcome} />
          <div className="dialog-buttons">
            <button type="button" className="plain-button" onClick={onClose}>
              {t("common.cancel")}
            </button>
            <button type="submit" className="danger-button" disabled={busy || !password}>
              {t(busy ? "settings.delete.busy" : "settings.delete.yes")}
            </button>
          </div>
        </form>
      </div>
    </Dialog>
  );
}

export function Danger({ username, onExport, onGoing }) {
  const t = useWords();
  const [open, setOpen] = useState(false);
  return (
    <Section id="danger" danger title={t("settings.danger")}>
      <div className="settings-row">
        <span>
          <strong>{t("settings.delete")}</strong>
          <small className="muted">{t("settings.delete.about")}</small>
        </span>
        <button type="button" className="danger-button" onClick={() => setOpen(true)}>
          {t("settings.delete")}
        </button>
      </div>
      {open && (
        <DeleteDialog
          username={username}
          onClose={() => setOpen(false)}
          onExport={() => {
            setOpen(false);
            onExport();
          }}
          onGoing={onGoing}
        />
      )}
    </Section>
  );
}
