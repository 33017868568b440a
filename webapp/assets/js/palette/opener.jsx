// The palette comes to the browser when it is first asked for: Ctrl+K, /search, the button above the chats.
import { Suspense, lazy, useState } from "react";
import { useAction } from "$/public/js/actions.js";

const Palette = lazy(() => import("$/public/js/palette/palette.jsx"));

export function PaletteOpener() {
  const [asked, setAsked] = useState(null);
  useAction("search", ({ query = "" }) => setAsked((open) => (open && !query ? null : { query })));
  return (
    asked && (
      <Suspense fallback={null}>
        <Palette key={asked.query} typed={asked.query} onClose={() => setAsked(null)} />
      </Suspense>
    )
  );
}
