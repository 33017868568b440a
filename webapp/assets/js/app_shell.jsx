// Lets the page open while its server cannot be reached (sw.js).
import { useEffect } from "react";

export function AppShell() {
  useEffect(() => {
    navigator.serviceWorker?.register("/sw.js").catch(() => {}); // private windows and plain http have none
  }, []);
  return null;
}
