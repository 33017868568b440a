// The name of the browser's tab, in the reader's language.
import { useEffect } from "react";
import { useWords } from "$/public/js/words.js";

export function PageTitle({ title }) {
  const t = useWords();
  useEffect(() => {
    document.title = `${title} · ${t("common.product")}`;
  }, [title, t]);
  return null;
}
