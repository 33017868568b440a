// Every word of the page, in its reader's language (webapp/words.py says how the files in ../words are written).
import { useSyncExternalStore } from "react";

const ENGLISH = "en";
const COOKIE = "chat-language";
const catalogues = Object.fromEntries(
  Object.entries(import.meta.glob("../words/*.json", { eager: true, import: "default" })).map(([path, texts]) => [
    path.match(/(\w+)\.json$/)[1],
    texts,
  ]),
);

export const LANGUAGES = Object.keys(catalogues);
export const nameOf = (language) => catalogues[language]["common.language"];

// "" where the browser decides.
export const chosenLanguage = () => {
  const chosen = document.cookie.match(new RegExp(`(?:^|; )${COOKIE}=(\\w+)`))?.[1];
  return LANGUAGES.includes(chosen) ? chosen : "";
};

const decide = () =>
  chosenLanguage() ||
  navigator.languages.map((wanted) => wanted.split("-")[0].toLowerCase()).find((wanted) => LANGUAGES.includes(wanted)) ||
  ENGLISH;

// Asked for by every component each time: reading the cookie that often is felt. Another choice loads the page anew.
let decided = null;
export const language = () => (decided ??= decide());

// As the reader's country writes dates and numbers: "en-GB" for English, where the browser is British.
export const localeOf = (wanted) =>
  navigator.languages.find((locale) => locale.split("-")[0].toLowerCase() === wanted) ?? wanted;

// The server words its messages by the same cookie, which it is told when a page connects: so the page loads anew.
export const chooseLanguage = (wanted) => {
  document.cookie = `${COOKIE}=${wanted}; path=/; samesite=lax; max-age=${wanted ? 365 * 24 * 3600 : 0}`;
  location.reload();
};

const listeners = new Set();
if (typeof window !== "undefined")
  window.addEventListener("languagechange", () => {
    decided = null;
    listeners.forEach((listener) => listener());
  });
const subscribe = (listener) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

const shown = (value, locale) => (typeof value === "number" ? value.toLocaleString(locale) : String(value));

const made = new Map();

// t("sessions.new"), t("sessions.count", {count: 3}): a text that counts has one key a plural form.
const wording = (locale) => {
  const plural = new Intl.PluralRules(locale);
  const written = typeof navigator === "undefined" ? locale : localeOf(locale);
  const find = (texts, key, count) =>
    texts[key] ?? texts[`${key}.${plural.select(count ?? 0)}`] ?? texts[`${key}.other`];
  const t = (key, values = {}) => {
    const text = find(catalogues[locale], key, values.count) ?? find(catalogues[ENGLISH], key, values.count) ?? key;
    return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? shown(values[name], written) : whole));
  };
  t.language = locale;
  t.locale = written;
  return t;
};

export const useLanguage = () => useSyncExternalStore(subscribe, language, () => ENGLISH);

export const useWords = () => {
  const locale = useLanguage();
  if (!made.has(locale)) made.set(locale, wording(locale));
  return made.get(locale);
};
