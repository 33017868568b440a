/** Light, dark, or as the system is; kept in this browser. */

import { createContext, use, useEffect, useState, type ReactNode } from "react";

export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const KEY = "hasura-console:theme";
const ThemeContext = createContext<[Theme, (theme: Theme) => void]>(["system", () => {}]);

export function ThemeProvider({ children }: { children: ReactNode }) {
  const [theme, setTheme] = useState<Theme>(() => {
    const kept = localStorage.getItem(KEY) as Theme | null;
    return kept && THEMES.includes(kept) ? kept : "system";
  });
  useEffect(() => {
    localStorage.setItem(KEY, theme);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const apply = () => {
      document.documentElement.dataset.theme = theme === "system" ? (dark.matches ? "dark" : "light") : theme;
    };
    apply();
    dark.addEventListener("change", apply);
    return () => dark.removeEventListener("change", apply);
  }, [theme]);
  return <ThemeContext value={[theme, setTheme]}>{children}</ThemeContext>;
}

export const useTheme = () => use(ThemeContext);
