// The commands that fit what is typed: those of the message field, without "/".
import { act } from "$/public/js/actions.js";
import { matching } from "$/public/js/composer/commands.js";

const OFFERED = new Set(["new", "rename", "export", "settings", "theme", "help"]);
const MOST = 5;

export const matchingActions = (query, open, t) => {
  const typed = query.trim().replace(/^\//, "");
  const there = matching(`/${typed.replace(/\s+/g, " ")}`, open, t).filter(({ action }) => action !== "search");
  if (!typed) return query.startsWith("/") ? there : there.filter(({ name }) => OFFERED.has(name));
  return there.slice(0, MOST);
};

// Once the palette is gone: a command may open a field or a dialog of its own.
export const runAction = ({ action, argument, value }) =>
  setTimeout(() => act(action, value ? { [argument]: value } : {}));
