// What the sections of the settings are made of.
import { useId, useState } from "react";
import Eye from "lucide-react/dist/esm/icons/eye.mjs";
import EyeOff from "lucide-react/dist/esm/icons/eye-off.mjs";
import { useWords } from "$/public/js/words.js";

export function Section({ id, title, hint, danger = false, children }) {
  return (
    <section id={id} className={`settings-section${danger ? " danger" : ""}`} aria-labelledby={`${id}-title`}>
      <h2 id={`${id}-title`} tabIndex={-1}>
        {title}
      </h2>
      {hint && <p className="muted settings-hint">{hint}</p>}
      {children}
    </section>
  );
}

// What came of the last press: {text} or {failed}.
export function Outcome({ outcome }) {
  return (
    <p
      className={outcome?.failed ? "form-error" : "settings-done"}
      role={outcome?.failed ? "alert" : "status"}
      data-testid="settings-outcome"
      hidden={!outcome}
    >
      {outcome?.failed || outcome?.text}
    </p>
  );
}

export function PasswordField({ name, label, hint, complete, value, onChange, minLength, autoFocus }) {
  const t = useWords();
  const id = useId();
  const [shown, setShown] = useState(false);
  const Icon = shown ? EyeOff : Eye;
  return (
    <div className="settings-field">
      <label htmlFor={id}>{label}</label>
      <span className="settings-secret">
        <input
          id={id}
          name={name}
          type={shown ? "text" : "password"}
          autoComplete={complete}
          autoCapitalize="none"
          spellCheck={false}
          required
          minLength={minLength}
          maxLength={128}
          value={value}
          autoFocus={autoFocus}
          aria-describedby={hint ? `${id}-hint` : undefined}
          onChange={(event) => onChange(event.target.value)}
        />
        <button
          type="button"
          className="icon-button"
          aria-label={t(shown ? "settings.password.hide" : "settings.password.show")}
          title={t(shown ? "settings.password.hide" : "settings.password.show")}
          aria-pressed={shown}
          onClick={() => setShown(!shown)}
        >
          <Icon size={17} aria-hidden="true" />
        </button>
      </span>
      {hint && (
        <small id={`${id}-hint`} className="muted">
          {hint}
        </small>
      )}
    </div>
  );
}

// One of a few, side by side or below each other; options are {value, label, hint, Icon}.
export function Choice({ label, value, options, onChoose, rows = false }) {
  const name = useId();
  return (
    <fieldset className={rows ? "settings-rows" : "settings-segments"}>
      <legend className="visually-hidden">{label}</legend>
      {options.map(({ value: each, label: text, hint, Icon }) => (
        <label key={each}>
          <input type="radio" name={name} checked={each === value} onChange={() => onChoose(each)} />
          {Icon && <Icon size={16} aria-hidden="true" />}
          <span>
            {text}
            {hint && <small className="muted">{hint}</small>}
          </span>
        </label>
      ))}
    </fieldset>
  );
}
