// Who one is here: the name that is shown, and the password.
import { useState } from "react";
import { useWords } from "$/public/js/words.js";
import { call } from "$/public/js/settings/calls.js";
import { Outcome, PasswordField, Section } from "$/public/js/settings/parts.jsx";

const LONGEST_NAME = 100;
const SHORTEST_PASSWORD = 8;

export function Profile({ account, onChange }) {
  const t = useWords();
  const [name, setName] = useState(account.display_name);
  const [outcome, setOutcome] = useState(null);
  const [busy, setBusy] = useState(false);
  const wanted = name.trim();
  const save = async (event) => {
    event.preventDefault();
    setBusy(true);
    const { data, detail } = await call(t, "PATCH", "/account", { display_name: wanted });
    setBusy(false);
    setOutcome(data ? { text: t("settings.saved") } : { failed: detail });
    if (!data) return;
    setName(data.display_name);
    onChange({ display_name: data.display_name });
  };
  return (
    <Section id="profile" title={t("settings.profile")}>
      <div className="settings-who">
        <span className="avatar large" aria-hidden="true">
          {[...account.display_name][0]?.toUpperCase()}
        </span>
        <span>
          <strong dir="auto">{account.display_name}</strong>
          <span className="muted">@{account.username}</span>
        </span>
      </div>
      <form className="settings-form" onSubmit={save}>
        <label className="settings-field">
          <span>{t("settings.profile.name")}</span>
          <input
            value={name}
            maxLength={LONGEST_NAME}
            required
            dir="auto"
            autoComplete="nickname"
            data-testid="display-name"
            onChange={(event) => {
              setName(event.target.value);
              setOutcome(null);
            }}
          />
          <small className="muted">{t("settings.profile.hint")}</small>
        </label>
        <Outcome outcome={outcome} />
        <button
          type="submit"
          className="primary-button small"
          disabled={busy || !wanted || wanted === account.display_name}
        >
          {t("settings.save")}
        </button>
      </form>
    </Section>
  );
}

export function Password({ username, onOthersSignedOut }) {
  const t = useWords();
  const [old, setOld] = useState("");
  const [wanted, setWanted] = useState("");
  const [outcome, setOutcome] = useState(null);
  const [busy, setBusy] = useState(false);
  const save = async (event) => {
    event.preventDefault();
    setBusy(true);
    const { data, detail } = await call(t, "POST", "/account/password", { old, new: wanted });
    setBusy(false);
    if (!data) return setOutcome({ failed: detail });
    setOld("");
    setWanted("");
    setOutcome({
      text: data.signed_out
        ? t("settings.password.done-others", { count: data.signed_out })
        : t("settings.password.done"),
    });
    return onOthersSignedOut();
  };
  return (
    <Section id="password" title={t("settings.password")} hint={t("settings.password.about")}>
      <form className="settings-form" onSubmit={save}>
        <input type="text" name="username" autoComplete="username" value={username} readOnly hidden />
        <PasswordField
          name="old"
          label={t("settings.password.old")}
          complete="current-password"
          value={old}
          onChange={setOld}
        />
        <PasswordField
          name="new"
          label={t("settings.password.new")}
          hint={t("account.password-hint", { length: SHORTEST_PASSWORD })}
          complete="new-password"
          minLength={SHORTEST_PASSWORD}
          value={wanted}
          onChange={setWanted}
        />
        <Outcome outcome={outcome} />
        <button
          type="submit"
          className="primary-button small"
          disabled={busy || !old || wanted.length < SHORTEST_PASSWORD}
        >
          {t("settings.password.change")}
        </button>
      </form>
    </Section>
  );
}
