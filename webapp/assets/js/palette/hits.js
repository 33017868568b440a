// What the server finds: asked for a moment after the last key, and only the latest question is listened to.
import { useEffect, useRef, useState } from "react";

const PAUSE = 120;
const DAY = 24 * 3600 * 1000;

export const NO_FILTERS = { when: "", from: "", to: "", category: "", role: "" };
export const isFiltered = (filters) => Object.values(filters).some(Boolean);

const startOfDay = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());
// A date field says "2026-11-21"; the day is the reader's.
const dayOf = (text, later = 0) => {
  const [year, month, day] = text.split("-").map(Number);
  return new Date(year, month - 1, day + later);
};

const bounds = ({ when, from, to }) => {
  const today = startOfDay(new Date());
  const days = { today: 0, week: 7, month: 30, year: 365 }[when];
  if (days !== undefined) return { since: new Date(today - days * DAY) };
  if (when !== "custom") return {};
  return { since: from && dayOf(from), until: to && dayOf(to, 1) };
};

const address = (query, filters, cursor) => {
  const { since, until } = bounds(filters);
  const asked = { since: since && since.toISOString(), until: until && until.toISOString() };
  const parameters = { ...asked, category: filters.category, role: filters.role, cursor };
  const given = Object.entries(parameters).filter(([, value]) => value);
  return `/search?${new URLSearchParams([["q", query], ...given])}`;
};

const ask = async (url, signal, t) => {
  let answer;
  try {
    answer = await fetch(url, { signal });
  } catch {
    throw new Error(t("errors.away"));
  }
  if (answer.ok) return answer.json();
  const { detail } = await answer.json().catch(() => ({}));
  throw new Error(detail ?? t("errors.unknown"));
};

const NOTHING = { hits: [], next: null, problem: "" };

// {hits, next, problem, busy, more, retry}: what was found before stays until what is found now is there.
export const useHits = (query, filters, t) => {
  const [found, setFound] = useState(NOTHING);
  const [busy, setBusy] = useState(true);
  const [tries, setTries] = useState(0);
  const running = useRef(null);
  const first = useRef(true);

  const load = (cursor, before) => {
    running.current?.abort();
    const { signal } = (running.current = new AbortController());
    setBusy(true);
    return ask(address(query, filters, cursor), signal, t)
      .then(
        ({ items, next_cursor }) => ({ hits: [...before, ...items], next: next_cursor, problem: "" }),
        (error) => ({ hits: before, next: cursor, problem: error.message }),
      )
      .then((result) => {
        if (signal.aborted) return;
        setFound(result);
        setBusy(false);
      });
  };

  useEffect(() => {
    setBusy(true);
    const timer = setTimeout(() => load(null, []), first.current ? 0 : PAUSE);
    first.current = false;
    return () => {
      clearTimeout(timer);
      running.current?.abort();
    };
  }, [query, filters, tries]);

  return { ...found, busy, more: () => load(found.next, found.hits), retry: () => setTries((n) => n + 1) };
};

export const categories = () =>
  fetch("/search/categories").then(
    (answer) => (answer.ok ? answer.json() : []),
    () => [],
  );

// What lies in another branch of a conversation is shown once that branch is the open one.
export const openBranch = (messageId) => fetch(`/search/${messageId}/open`, { method: "POST" }).catch(() => {});
