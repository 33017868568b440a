// What the server, and buttons that Reflex draws, tell the page to do: a name and data, never a script, so that the page's
// policy allows none (webapp/guard.py). webapp/page_calls.py writes them, utils/state.js hands them here (rxconfig.py).
import { toast } from "sonner";

const CALLS = new Map(
  Object.entries({
    tell: (event, detail) => window.dispatchEvent(new CustomEvent(event, { detail })),
    say: (text) => toast(text),
    reload: () => window.location.reload(),
    closeSidebar: () => document.getElementById("sidebar")?.hidePopover?.(),
    fetchCookie: async (address, ticket, then) => {
      const headers = { "Content-Type": "application/json" };
      const answer = await fetch(address, { method: "POST", headers, body: JSON.stringify({ ticket }) });
      if (!answer.ok) throw new Error(answer.status);
      window.location.assign(then);
    },
  }),
);

export const told = (call) => {
  const [name, ...data] = JSON.parse(call);
  return CALLS.get(name)(...data);
};
