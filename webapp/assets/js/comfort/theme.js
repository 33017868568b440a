// Light, dark, or as the system has it. Reflex keeps the choice in this browser and sets it before the page is drawn.
import { useContext, useEffect } from "react";
import { ColorModeContext } from "$/utils/context-registry";

export const THEMES = ["light", "dark", "system"];
const KEPT = "theme";

// theme: what was chosen; shown: "light" or "dark".
export const useTheme = () => {
  const { rawColorMode, resolvedColorMode, setColorMode } = useContext(ColorModeContext);
  return { theme: rawColorMode, shown: resolvedColorMode, choose: setColorMode };
};

// The tab's other tabs follow; what a phone draws around the page has the page's colour.
export const useThemeEverywhere = () => {
  const { shown, choose } = useTheme();
  useEffect(() => {
    const follow = ({ key, newValue }) => key === KEPT && THEMES.includes(newValue) && choose(newValue);
    window.addEventListener("storage", follow);
    return () => window.removeEventListener("storage", follow);
  }, [choose]);
  useEffect(() => {
    // The document takes the theme after this.
    const frame = requestAnimationFrame(() => {
      const colour = getComputedStyle(document.body).backgroundColor;
      document.querySelector("meta[name=theme-color]")?.setAttribute("content", colour);
    });
    return () => cancelAnimationFrame(frame);
  }, [shown]);
};
