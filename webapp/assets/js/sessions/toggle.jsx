// Shows and hides the list: a drawer on a small screen, a column that this browser remembers on a large one.
import { useEffect } from "react";
import { useWords } from "$/public/js/words.js";
import { IconButton } from "$/public/js/sessions/icons.jsx";

const KEY = "chat-sidebar";
const small = () => matchMedia("(max-width: 767px)").matches;
const apply = () => {
  document.documentElement.dataset.sidebar = localStorage.getItem(KEY) ?? "open";
};

export const toggleSidebar = () => {
  if (small()) {
    document.getElementById("sidebar")?.togglePopover();
    return;
  }
  localStorage.setItem(KEY, localStorage.getItem(KEY) === "closed" ? "open" : "closed");
  apply();
};

// `opens` is the one in the page, which is there while the list is not; else the one in the list.
export function SidebarToggle({ opens }) {
  const t = useWords();
  useEffect(apply, []);
  return (
    <IconButton
      icon="panel-left"
      label={t(opens ? "sessions.open-list" : "sessions.close-list")}
      className={opens ? "sidebar-opener" : "sidebar-closer"}
      aria-controls="sidebar"
      onClick={toggleSidebar}
    />
  );
}
