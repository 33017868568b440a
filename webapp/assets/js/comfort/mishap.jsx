// Instead of a page that failed: what happened, and what to do. The log has the cause.
import { useWords } from "$/public/js/words.js";

export function Mishap() {
  const t = useWords();
  return (
    <main className="lone-page">
      <div className="centred" role="alert">
        <h1>{t("errors.page")}</h1>
        <p className="muted">{t("errors.page.hint")}</p>
        <button type="button" className="primary-button" onClick={() => location.reload()}>
          {t("errors.page.reload")}
        </button>
        <a href="/chat">{t("errors.no-page.home")}</a>
      </div>
    </main>
  );
}
