// A moment in the reader's own zone and language.
import { inWords } from "$/public/js/dates.js";
import { useWords } from "$/public/js/words.js";

const DAY = 24 * 3600 * 1000;
const clock = { hour: "2-digit", minute: "2-digit" };
const day = { day: "numeric", month: "short" };

const startOfDay = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());

const wording = (date, brief, locale) => {
  const now = new Date();
  const days = Math.round((startOfDay(now) - startOfDay(date)) / DAY);
  const year = date.getFullYear() === now.getFullYear() ? {} : { year: "numeric" };
  if (days === 0) return inWords(date, locale, clock);
  if (!brief) return inWords(date, locale, { ...day, ...year, ...clock });
  if (days > 0 && days < 7) return inWords(date, locale, { weekday: "short" });
  return inWords(date, locale, { ...day, ...year });
};

export function LocalTime({ moment, brief }) {
  const { locale } = useWords();
  const date = new Date(moment);
  if (Number.isNaN(date.getTime())) return null;
  return (
    <time className="local-time" dateTime={moment} title={inWords(date, locale, { dateStyle: "full", timeStyle: "medium" })}>
      {wording(date, brief, locale)}
    </time>
  );
}
