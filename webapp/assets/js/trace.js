// The trace of what a reader does (https://www.w3.org/TR/trace-context/): a click, a key or a form begins one, and what
// the page then asks its server for, by fetch or by an event of Reflex, belongs to it. Where the server records traces,
// and only there, it hears afterwards how long it all took, as the page saw it.

const LASTS = 1000; // what is asked for so soon after a click (ms) is asked for because of it
const REST = 1500; // and so long after the last of it the whole is told
const REMEMBERED = 20;
const NAME = /^[a-z][a-z -]{0,40}$/;
const VERBS = { click: "click", submit: "submit", keydown: "key" };

let current = null;
let wanted = false; // whether the server records (webapp/tracing.py)
const latest = [];

const hex = (bytes) =>
  Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) => byte.toString(16).padStart(2, "0")).join("");

const begin = (name) => {
  const began = performance.timeOrigin + performance.now();
  const action = { name, parent: `00-${hex(16)}-${hex(8)}-01`, began, ended: began, open: 0, asked: false };
  latest.push(action);
  if (latest.length > REMEMBERED) latest.shift();
  return action;
};

const now = () => performance.timeOrigin + performance.now();
const action = () => (current && now() - current.began < LASTS ? current : (current = begin("page")));
const heard = (answer) => answer?.headers?.get("server-timing")?.includes("trace");

const settle = (it) => {
  it.ended = now();
  clearTimeout(it.timer);
  if (it.open === 0) it.timer = setTimeout(() => tell(it), REST);
};

const tell = (it) => {
  if (!wanted || it.told) return;
  it.told = true;
  const { parent: traceparent, name, began, ended } = it;
  const body = JSON.stringify({ traceparent, name, began, ended });
  navigator.sendBeacon("/traces", new Blob([body], { type: "application/json" }));
};

// Of what the reader is doing, for what is sent later.
export const traceparent = () => action().parent;

const traced = (ask) => async (input, options = {}) => {
  if (typeof input !== "string" || !input.startsWith("/")) return ask(input, options);
  const headers = new Headers(options.headers);
  const given = headers.get("traceparent");
  const it = given ? latest.find((other) => other.parent === given) : action();
  if (it) headers.set("traceparent", it.parent);
  if (it) it.open += 1;
  try {
    const answer = await ask(input, { ...options, headers });
    wanted = heard(answer) ?? wanted;
    return answer;
  } finally {
    if (it) {
      it.open -= 1;
      settle(it);
    }
  }
};

const named = (event) => {
  const id = event.target?.closest?.("[data-testid]")?.dataset.testid ?? "";
  return NAME.test(id) ? `${VERBS[event.type]} ${id}` : VERBS[event.type];
};

let following = false;

// Once a page.
export const followTraces = () => {
  if (following) return;
  following = true;
  wanted = performance.getEntriesByType("navigation")[0]?.serverTiming?.some(({ name }) => name === "trace") ?? false;
  const start = (event) => {
    if (event.type === "keydown" && event.key !== "Enter") return;
    // A form's submit is the end of the click or key that caused it.
    if (event.type === "submit" && current && current.name !== "page" && now() - current.began < LASTS) return;
    current = begin(named(event));
  };
  for (const type of Object.keys(VERBS)) window.addEventListener(type, start, true);
  window.fetch = traced(window.fetch.bind(window));
  // The hook of Reflex for this (its utils/state.js).
  window.__reflex_otel = {
    onEventSend: (event) => {
      const it = action();
      event.traceparent = it.parent;
      settle(it);
    },
  };
};
