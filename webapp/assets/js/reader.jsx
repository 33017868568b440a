// Who reads, and how far: tells the server what this device has shown, and the browser's tab what is new.
import { useEffect, useState } from "react";
import { markTab } from "$/public/js/comfort/unread_mark.js";
import { useAtEnd } from "$/public/js/messages/store.js";
import { newId } from "$/public/js/outbox.js";
import { useWords } from "$/public/js/words.js";

const DEVICE = "chat-device";
const SOON = 150;

const device = () => {
  if (!localStorage.getItem(DEVICE)) localStorage.setItem(DEVICE, newId());
  return localStorage.getItem(DEVICE);
};

// True while the end of the messages is on the screen of a page that is looked at.
const useLooking = () => {
  const atEnd = useAtEnd();
  const [visible, setVisible] = useState(false);
  useEffect(() => {
    const look = () => setVisible(document.visibilityState === "visible");
    look();
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  }, []);
  return visible && atEnd;
};

export function Reader({ sessionId, title, readUntil, lastRead, unread, unreadElsewhere, onRead }) {
  const t = useWords();
  const looking = useLooking();

  useEffect(() => {
    if (!looking || !sessionId || readUntil <= lastRead) return;
    const timer = setTimeout(() => onRead(sessionId, readUntil, device()), SOON);
    return () => clearTimeout(timer);
  }, [looking, sessionId, readUntil, lastRead]);

  useEffect(() => {
    const news = unreadElsewhere + (unread > 0 && !looking ? 1 : 0);
    document.title = `${news ? `(${news}) ` : ""}${title ? `${title} · ` : ""}${t("common.product")}`;
    markTab(news > 0);
  });
  return null;
}
