// The browser's tab tells, by its picture, that something is new.
const PLAIN = "/favicon.svg";
const MARKED = "/favicon-unread.svg";

export const markTab = (news) => {
  const icon = document.querySelector("link[rel=icon]");
  const wanted = news ? MARKED : PLAIN;
  if (icon && icon.getAttribute("href") !== wanted) icon.setAttribute("href", wanted);
};
