// What every page has: its language, its theme, the keyboard map, what is said to screen readers, and, where the
// server cannot be reached, the page itself (sw.js).
import { useEffect } from "react";
import { useLocation, useNavigate } from "react-router";
import { toast } from "sonner";
import { useAction } from "$/public/js/actions.js";
import { Announcer, say } from "$/public/js/comfort/announcer.jsx";
import { Help } from "$/public/js/comfort/help.jsx";
import { useShortcuts } from "$/public/js/comfort/shortcuts.js";
import { THEMES, useTheme, useThemeEverywhere } from "$/public/js/comfort/theme.js";
import { followTraces } from "$/public/js/trace.js";
import { PaletteOpener } from "$/public/js/palette/opener.jsx";
import { useWords } from "$/public/js/words.js";

const FAILURE = "chat-failure"; // webapp/failures.py

export function Everywhere() {
  const t = useWords();
  const navigate = useNavigate();
  const { pathname } = useLocation();
  const { theme, choose } = useTheme();
  useThemeEverywhere();
  useShortcuts(/^\/(chat|settings)(\/|$)/.test(pathname));

  useEffect(() => {
    document.documentElement.lang = t.language;
    document.documentElement.classList.remove("untranslated"); // webapp/first_paint.py
  }, [t]);

  useEffect(followTraces, []);

  useEffect(() => {
    navigator.serviceWorker?.register("/sw.js").catch(() => {}); // private windows and plain http have none
  }, []);

  useEffect(() => {
    const fail = ({ detail: id }) =>
      toast(t("errors.failure"), {
        id: "failure",
        duration: 20000,
        ...(id && {
          description: t("errors.report", { id }),
          action: { label: t("errors.report.copy"), onClick: () => navigator.clipboard?.writeText(id) },
        }),
      });
    window.addEventListener(FAILURE, fail);
    return () => window.removeEventListener(FAILURE, fail);
  }, [t]);

  useAction("theme", ({ theme: wanted }) => {
    const chosen = THEMES.includes(wanted) ? wanted : THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    choose(chosen);
    say(t("theme.said", { theme: t(`theme.${chosen}`) }));
  });
  useAction("settings", () => navigate("/settings"));

  return (
    <>
      <Help />
      <Announcer />
      <PaletteOpener />
    </>
  );
}
