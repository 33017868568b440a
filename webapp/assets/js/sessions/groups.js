// When a session was last active, as a reader says it: today, yesterday, this week, this month, then month by month.
import { inWords } from "$/public/js/dates.js";
const startOfDay = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());
const daysBefore = (date, now) => Math.round((startOfDay(now) - startOfDay(date)) / 86400000);

const groupOf = (row, now) => {
  if (row.is_pinned && row.shelf === "active") return "pinned";
  const date = new Date(row.updated_at);
  const days = daysBefore(date, now);
  if (days <= 0) return "today";
  if (days === 1) return "yesterday";
  if (days <= 7) return "week";
  if (days <= 30) return "month";
  return `${date.getFullYear()}-${date.getMonth()}`;
};

const wording = (group, t, now) => {
  if (!/^\d/.test(group)) return t(`sessions.group.${group}`);
  const [year, month] = group.split("-").map(Number);
  const options = { month: "long", ...(year !== now.getFullYear() && { year: "numeric" }) };
  return inWords(new Date(year, month), t.locale, options);
};

// The list as it is shown: headings {heading, key} and sessions {row, key, place}, pinned ones first.
export const arrange = (rows, t, now = new Date()) => {
  const top = rows.filter((row) => groupOf(row, now) === "pinned");
  const rest = top.length ? rows.filter((row) => groupOf(row, now) !== "pinned") : rows;
  const entries = [];
  let last = null;
  let place = 0;
  for (const row of [...top, ...rest]) {
    const group = groupOf(row, now);
    if (group !== last) entries.push({ heading: wording(group, t, now), key: `heading ${group}` });
    last = group;
    place += 1;
    entries.push({ row, place, key: row.session_id });
  }
  return entries;
};

export const brief = (moment, locale) => {
  const date = new Date(moment);
  const now = new Date();
  const days = daysBefore(date, now);
  if (days <= 0) return inWords(date, locale, { hour: "2-digit", minute: "2-digit" });
  if (days < 7) return inWords(date, locale, { weekday: "short" });
  const year = date.getFullYear() === now.getFullYear() ? {} : { year: "2-digit" };
  return inWords(date, locale, { day: "numeric", month: "short", ...year });
};

export const inFull = (moment, locale) =>
  inWords(new Date(moment), locale, { dateStyle: "full", timeStyle: "short" });
