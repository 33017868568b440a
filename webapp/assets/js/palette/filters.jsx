// When, in which category and by whom: three choices beside the words.
import { useEffect, useState } from "react";
import { NO_FILTERS, categories, isFiltered } from "$/public/js/palette/hits.js";
import { useWords } from "$/public/js/words.js";

const WHEN = ["today", "week", "month", "year", "custom"];
const WHO = ["user", "assistant"];

const Choice = ({ label, value, onChange, children }) => (
  <select className={value ? "palette-choice chosen" : "palette-choice"} aria-label={label} value={value} onChange={(event) => onChange(event.target.value)}>
    {children}
  </select>
);

export function Filters({ filters, onChange }) {
  const t = useWords();
  const [known, setKnown] = useState([]);
  useEffect(() => {
    categories().then(setKnown);
  }, []);
  const set = (change) => onChange({ ...filters, ...change });
  const day = (name) => (
    <label>
      {t(`search.${name}`)}
      <input type="date" value={filters[name]} onChange={(event) => set({ [name]: event.target.value })} />
    </label>
  );
  return (
    <div className="palette-filters">
      <Choice label={t("search.when")} value={filters.when} onChange={(when) => set({ when, from: "", to: "" })}>
        <option value="">{t("search.when.any")}</option>
        {WHEN.map((name) => (
          <option key={name} value={name}>
            {t(`search.when.${name}`)}
          </option>
        ))}
      </Choice>
      <Choice label={t("search.category")} value={filters.category} onChange={(category) => set({ category })}>
        <option value="">{t("search.category.any")}</option>
        {known.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </Choice>
      <Choice label={t("search.who")} value={filters.role} onChange={(role) => set({ role })}>
        <option value="">{t("search.who.any")}</option>
        {WHO.map((name) => (
          <option key={name} value={name}>
            {t(`search.who.${name}`)}
          </option>
        ))}
      </Choice>
      {filters.when === "custom" && (
        <span className="palette-dates">
          {day("from")}
          {day("to")}
        </span>
      )}
      {isFiltered(filters) && (
        <button type="button" className="text-button palette-clear" onClick={() => onChange(NO_FILTERS)}>
          {t("search.clear-filters")}
        </button>
      )}
    </div>
  );
}
