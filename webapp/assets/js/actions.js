// What a reader can do, by name: shortcuts, slash commands, menus and the palette ask for it here, and whichever
// component can do it listens. `detail.sessionId` is the session that is meant; without it, the open one.
import { useEffect, useRef } from "react";

const EVENT = "chat-action";

export const act = (name, detail = {}) =>
  window.dispatchEvent(new CustomEvent(EVENT, { detail: { ...detail, name } }));

export const useAction = (name, handler) => {
  const newest = useRef(handler);
  newest.current = handler;
  useEffect(() => {
    const listen = ({ detail }) => detail.name === name && newest.current(detail);
    window.addEventListener(EVENT, listen);
    return () => window.removeEventListener(EVENT, listen);
  }, [name]);
};
