// What a first message might be: a click writes it into the field.
import { labelOf } from "$/public/js/comfort/shortcuts.js";
import { useWords } from "$/public/js/words.js";

export const SUGGEST = "chat-suggest";
const SUGGESTIONS = ["abilities", "week", "model"];

export function Suggestions() {
  const t = useWords();
  return (
    <>
      <ul className="suggestions" aria-label={t("welcome.suggestions")}>
        {SUGGESTIONS.map((name) => {
          const text = t(`welcome.suggestion.${name}`);
          return (
            <li key={name}>
              <button
                type="button"
                className="suggestion"
                onClick={() => window.dispatchEvent(new CustomEvent(SUGGEST, { detail: text }))}
              >
                {text}
              </button>
            </li>
          );
        })}
      </ul>
      <p className="keys-hint muted">{t("welcome.keys", { search: labelOf("Mod", t) + " K" })}</p>
    </>
  );
}
