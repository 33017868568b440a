// What can be done with the keyboard: opened by "?", by Ctrl+/ and by /help.
import { useRef, useState } from "react";
import { useAction } from "$/public/js/actions.js";
import { SHORTCUTS, labelOf, setSingleKeys, singleKeys } from "$/public/js/comfort/shortcuts.js";
import { COMMANDS } from "$/public/js/composer/commands.js";
import { useWords } from "$/public/js/words.js";

const WRITING = [
  ["send", ["Enter"]],
  ["line", ["Shift", "Enter"]],
  ["earlier", ["ArrowUp"]],
  ["commands", ["/"]],
  ["stop", ["Escape"]],
];

const Keys = ({ keys }) => {
  const t = useWords();
  return (
    <span className="keys">
      {keys.map((key) => (
        <kbd key={key}>{labelOf(key, t)}</kbd>
      ))}
    </span>
  );
};

const Section = ({ title, children }) => (
  <section>
    <h3>{title}</h3>
    <dl>{children}</dl>
  </section>
);

export function Help() {
  const t = useWords();
  const dialog = useRef(null);
  const [open, setOpen] = useState(false);
  const [single, setSingle] = useState(true);
  useAction("help", () => {
    if (dialog.current.open) {
      dialog.current.close();
      return;
    }
    setSingle(singleKeys());
    setOpen(true);
    dialog.current.showModal();
  });
  const actions = [...new Set(SHORTCUTS.map(({ action }) => action))];
  return (
    <dialog
      ref={dialog}
      className="help"
      aria-labelledby="help-title"
      data-testid="help"
      onClose={() => setOpen(false)}
      onClick={(event) => event.target === dialog.current && dialog.current.close()}
    >
      {open && (
        <div className="help-content">
          <header>
            <h2 id="help-title">{t("help.title")}</h2>
            <button type="button" className="icon-button" aria-label={t("common.close")} title={t("common.close")} onClick={() => dialog.current.close()}>
              <svg width="17" height="17" viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="2" strokeLinecap="round" aria-hidden="true">
                <path d="M18 6 6 18M6 6l12 12" />
              </svg>
            </button>
          </header>
          <div className="help-columns">
            <Section title={t("help.anywhere")}>
              {actions.map((action) => (
                <div key={action}>
                  <dt>{t(`help.${action}`)}</dt>
                  <dd>
                    {SHORTCUTS.filter((shortcut) => shortcut.action === action).map(({ keys }) => (
                      <Keys key={keys.join()} keys={keys} />
                    ))}
                  </dd>
                </div>
              ))}
            </Section>
            <Section title={t("help.writing")}>
              {WRITING.map(([name, keys]) => (
                <div key={name}>
                  <dt>{t(`help.writing.${name}`)}</dt>
                  <dd>
                    <Keys keys={keys} />
                  </dd>
                </div>
              ))}
            </Section>
            <Section title={t("composer.commands")}>
              {COMMANDS.map(({ name }) => (
                <div key={name}>
                  <dt>{t(`composer.command.${name}`)}</dt>
                  <dd>
                    <kbd>/{name}</kbd>
                  </dd>
                </div>
              ))}
            </Section>
          </div>
          <label className="help-choice">
            <input
              type="checkbox"
              checked={single}
              onChange={({ target }) => {
                setSingleKeys(target.checked);
                setSingle(target.checked);
              }}
            />
            {t("help.single-keys")}
          </label>
        </div>
      )}
    </dialog>
  );
}
