// What can be written instead of a message: "/" and a command, which asks for an action (actions.js).
import { act } from "$/public/js/actions.js";

// `chat`: only where a chat is open. `argument`: what may follow the name, as the action's detail calls it.
export const COMMANDS = [
  { name: "new", action: "new-chat" },
  { name: "search", action: "search", argument: "query" },
  { name: "rename", action: "rename", argument: "title", chat: true },
  { name: "pin", action: "pin", chat: true },
  { name: "move", action: "move", argument: "category", chat: true },
  { name: "instructions", action: "session-settings", chat: true },
  { name: "edit", action: "edit-last", chat: true },
  { name: "regenerate", action: "regenerate-last", chat: true },
  { name: "copy", action: "copy-last", chat: true },
  { name: "export", action: "export" },
  { name: "archive", action: "archive", chat: true },
  { name: "clear", action: "clear", chat: true },
  { name: "delete", action: "delete", chat: true },
  { name: "theme", action: "theme", argument: "theme" },
  { name: "settings", action: "settings" },
  { name: "help", action: "help" },
];

const startsAWord = (text, start) => ` ${text.toLowerCase()}`.includes(` ${start}`);

// Those that `text` may become: by their names, or by a word of what they are called in the reader's language.
export const matching = (text, open, t) => {
  const written = text.match(/^\/(\S*)(?:[ ]([^\n]*))?$/);
  if (!written) return [];
  const [, start, rest] = written;
  const wanted = start.toLowerCase();
  const there = COMMANDS.filter((command) => open || !command.chat);
  if (rest !== undefined)
    return there
      .filter(({ name, argument }) => name === wanted && (argument || !rest.trim()))
      .map((command) => ({ ...command, value: rest.trim() }));
  const named = there.filter(({ name }) => name.startsWith(wanted));
  const described = there.filter(
    ({ name }) => wanted && !name.startsWith(wanted) && startsAWord(t(`composer.command.${name}`), wanted),
  );
  return [...named, ...described];
};

export const run = ({ action, argument, value }) => act(action, value ? { [argument]: value } : {});
