// How the page looks and which language it speaks: this browser's own choice, which no server keeps.
import Monitor from "lucide-react/dist/esm/icons/monitor.mjs";
import Moon from "lucide-react/dist/esm/icons/moon.mjs";
import Sun from "lucide-react/dist/esm/icons/sun.mjs";
import { useTheme } from "$/public/js/comfort/theme.js";
import { LANGUAGES, chooseLanguage, chosenLanguage, nameOf, useWords } from "$/public/js/words.js";
import { Choice, Section } from "$/public/js/settings/parts.jsx";

export function Appearance() {
  const t = useWords();
  const { theme: chosen, choose } = useTheme();
  const themes = [
    { value: "system", Icon: Monitor },
    { value: "light", Icon: Sun },
    { value: "dark", Icon: Moon },
  ].map((theme) => ({ ...theme, label: t(`theme.${theme.value}`) }));
  return (
    <Section id="appearance" title={t("settings.appearance")}>
      <div className="settings-row">
        <span>{t("theme.label")}</span>
        <Choice label={t("theme.label")} value={chosen} options={themes} onChoose={choose} />
      </div>
      <label className="settings-row">
        <span>{t("settings.language")}</span>
        <select value={chosenLanguage()} onChange={(event) => chooseLanguage(event.target.value)}>
          <option value="">{t("settings.language.browser")}</option>
          {LANGUAGES.map((each) => (
            <option key={each} value={each} lang={each}>
              {nameOf(each)}
            </option>
          ))}
        </select>
      </label>
    </Section>
  );
}
