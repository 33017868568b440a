// The keyboard map. Each combination asks for an action (actions.js); help.jsx shows them all.
import { useEffect } from "react";
import { act } from "$/public/js/actions.js";

const MAC = typeof navigator !== "undefined" && /Mac|iPhone|iPad/.test(navigator.platform);
const SINGLE = "chat-single-keys";

// "Mod" is ⌘ on a Mac, else Ctrl. A single key works outside of fields only.
export const SHORTCUTS = [
  { action: "search", keys: ["Mod", "K"] },
  { action: "new-chat", keys: ["Mod", "Shift", "O"] },
  { action: "next-chat", keys: ["Alt", "ArrowDown"] },
  { action: "previous-chat", keys: ["Alt", "ArrowUp"] },
  { action: "toggle-sidebar", keys: ["Mod", "Shift", "S"] },
  { action: "focus-composer", keys: ["Shift", "Escape"] },
  { action: "focus-composer", keys: ["/"] },
  { action: "copy-last", keys: ["Mod", "Shift", "C"] },
  { action: "rename", keys: ["F2"] },
  { action: "delete", keys: ["Mod", "Shift", "Backspace"] },
  { action: "settings", keys: ["Mod", "."] },
  { action: "help", keys: ["Mod", "/"] },
  { action: "help", keys: ["?"] },
];

const SYMBOLS = { ArrowUp: "↑", ArrowDown: "↓" };
const MAC_SYMBOLS = { Mod: "⌘", Shift: "⇧", Alt: "⌥", Backspace: "⌫" };

// As keys are labelled on the reader's keyboard.
export const labelOf = (key, t) =>
  SYMBOLS[key] ?? (MAC ? MAC_SYMBOLS[key] : undefined) ?? (key.length > 2 ? t(`keys.${key}`) : key);

// A key alone may be spoken, or touched, by mistake: WCAG 2.2, 2.1.4.
export const singleKeys = () => localStorage.getItem(SINGLE) !== "off";
export const setSingleKeys = (on) => (on ? localStorage.removeItem(SINGLE) : localStorage.setItem(SINGLE, "off"));

const pressed = (event, keys) => {
  const key = keys.at(-1);
  const held = new Set(keys.slice(0, -1));
  const [mod, other] = MAC ? [event.metaKey, event.ctrlKey] : [event.ctrlKey, event.metaKey];
  if (other || held.has("Mod") !== mod || held.has("Alt") !== event.altKey) return false;
  // Whether "?" needs Shift is the keyboard's affair.
  const sign = key.length === 1 && key.toLowerCase() === key.toUpperCase();
  return (sign || held.has("Shift") === event.shiftKey) && event.key.toLowerCase() === key.toLowerCase();
};

const isField = (element) => element.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName);
const modal = () => document.querySelector("dialog:modal, [role=dialog], [role=alertdialog]");

const found = (event) =>
  SHORTCUTS.find(({ keys }) => {
    if (!pressed(event, keys)) return false;
    // Where something is written these keys have their own meaning.
    if (keys.length === 1 && keys[0].length === 1) return singleKeys() && !isField(event.target);
    return keys[0] !== "Alt" || !isField(event.target) || !event.target.value;
  });

export const useShortcuts = (active) => {
  useEffect(() => {
    if (!active) return;
    const press = (event) => {
      if (event.defaultPrevented || event.isComposing) return;
      const shortcut = found(event);
      if (!shortcut || (modal() && !["help", "search"].includes(shortcut.action))) return;
      event.preventDefault();
      act(shortcut.action);
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, [active]);
};
