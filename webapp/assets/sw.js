// The page itself, for when its server cannot be reached: static files only, never anybody's data. `webapp.build`
// fills in which files and which version; another version replaces this one by itself, files and all.
const VERSION = "VERSION";
const FILES = ["FILES"];
const SHELL = "/404.html"; // starts the app at whatever address it is shown

const away = (answer) => [502, 503, 504].includes(answer.status);
const kept = (path) => caches.match(path, { cacheName: VERSION });

self.addEventListener("install", (event) => {
  event.waitUntil(
    caches
      .open(VERSION)
      .then((cache) => cache.addAll([...FILES, new Request(`${SHELL}?${VERSION}`, { cache: "reload" })]))
      .then(() => self.skipWaiting()),
  );
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter((name) => name !== VERSION).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

const shell = () => kept(`${SHELL}?${VERSION}`).then((answer) => answer ?? Response.error());
const page = (request) =>
  fetch(request).then(
    (answer) => (away(answer) ? shell() : answer),
    () => shell(),
  );

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  if (request.mode === "navigate" && /^\/chat(\/|$)/.test(url.pathname)) event.respondWith(page(request));
  else if (FILES.includes(url.pathname))
    event.respondWith(kept(url.pathname).then((answer) => answer ?? fetch(request)));
});
