// A moment in the reader's own zone and language.
import { useLanguage } from "$/public/js/words.js";

const DAY = 24 * 3600 * 1000;
const clock = { hour: "2-digit", minute: "2-digit" };
const day = { day: "numeric", month: "short" };

const startOfDay = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());

const wording = (date, brief, language) => {
  const now = new Date();
  const days = Math.round((startOfDay(now) - startOfDay(date)) / DAY);
  const year = date.getFullYear() === now.getFullYear() ? {} : { year: "numeric" };
  if (days === 0) return date.toLocaleTimeString(language, clock);
  if (!brief) return date.toLocaleString(language, { ...day, ...year, ...clock });
  if (days > 0 && days < 7) return date.toLocaleDateString(language, { weekday: "short" });
  return date.toLocaleDateString(language, { ...day, ...year });
};

export function LocalTime({ moment, brief }) {
  const language = useLanguage();
  const date = new Date(moment);
  if (Number.isNaN(date.getTime())) return null;
  return (
    <time className="local-time" dateTime={moment} title={date.toLocaleString(language, { dateStyle: "full", timeStyle: "medium" })}>
      {wording(date, brief, language)}
    </time>
  );
}
