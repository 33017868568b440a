// The three themes, one of which is chosen.
import { THEMES, useTheme } from "$/public/js/comfort/theme.js";
import { useWords } from "$/public/js/words.js";

export function ThemeChoice() {
  const t = useWords();
  const { theme, choose } = useTheme();
  return (
    <fieldset className="segmented" data-testid="theme-choice">
      <legend className="visually-hidden">{t("theme.label")}</legend>
      {THEMES.map((name) => (
        <label key={name}>
          <input type="radio" name="theme" value={name} checked={theme === name} onChange={() => choose(name)} />
          <span>{t(`theme.${name}`)}</span>
        </label>
      ))}
    </fieldset>
  );
}
