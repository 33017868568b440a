// The way out. What is written and not sent is its author's: whoever signs in next must not find it, so it goes, and
// its author is asked first.
import LogOut from "lucide-react/dist/esm/icons/log-out.mjs";
import { useWords } from "$/public/js/words.js";

const PRIVATE = /^chat-(draft|outbox|sent|user)/;

const unsent = () =>
  Object.keys(localStorage).filter(
    (key) => key.startsWith("chat-outbox:") && !localStorage.getItem(key).includes('"state":"sent"'),
  ).length;

// The server says when the tab is nobody's any longer: only then does its cookie go (webapp/state/auth.py).
export const LEAVE = "chat-leave";
const leave = () => {
  Object.keys(localStorage)
    .filter((key) => PRIVATE.test(key))
    .forEach((key) => localStorage.removeItem(key));
  fetch("/login/end", { method: "POST" }).finally(() => window.location.assign("/sign-in?reason=signed-out"));
};
if (typeof window !== "undefined") window.addEventListener(LEAVE, leave);

export function SignOutButton({ onSignOut }) {
  const t = useWords();
  const press = () => {
    const count = unsent();
    if (!count || confirm(t("account.unsent", { count }))) onSignOut();
  };
  return (
    <button
      type="button"
      className="icon-button"
      aria-label={t("account.sign-out")}
      title={t("account.sign-out")}
      onClick={press}
    >
      <LogOut size={17} aria-hidden="true" />
    </button>
  );
}
