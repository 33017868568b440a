// The categories of a shelf, with how many sessions each holds: a filter, and where a row is dropped to be moved.
import { useState } from "react";
import { useWords } from "$/public/js/words.js";
import { Icon } from "$/public/js/sessions/icons.jsx";

export const DRAGGED = "application/x-chat-sessions";

export const countsOf = (categories, shelf) => categories.filter((count) => count.shelf === shelf);
// Where something can be moved to; what is only in the trash is no such place.
export const namesOf = (categories) => [
  ...new Set(categories.filter(({ shelf }) => shelf !== "trash").map(({ category }) => category)),
];
export const sum = (counts) => counts.reduce((all, { sessions }) => all + sessions, 0);

function Chip({ name, count, icon, pressed, onPress, onDrop }) {
  const t = useWords();
  const [over, setOver] = useState(false);
  const takes = (event) => onDrop && event.dataTransfer.types.includes(DRAGGED);
  return (
    <button
      type="button"
      className={`chip${over ? " over" : ""}`}
      aria-pressed={pressed}
      data-testid="category"
      onClick={onPress}
      onDragOver={(event) => {
        if (!takes(event)) return;
        event.preventDefault();
        event.dataTransfer.dropEffect = "move";
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        setOver(false);
        if (!takes(event)) return;
        event.preventDefault();
        onDrop(JSON.parse(event.dataTransfer.getData(DRAGGED)));
      }}
    >
      {icon && <Icon name={icon} size={14} />}
      <span className="chip-name">{name}</span>
      {count !== undefined && <span className="chip-count">{count.toLocaleString(t.locale)}</span>}
    </button>
  );
}

export function Categories({ counts, chosen, dragging, onChoose, onMove, onNew }) {
  const t = useWords();
  // One category is no choice, but somewhere to take a row to.
  if (counts.length < 2 && !chosen && !dragging) return null;
  const shown = chosen && !counts.some(({ category }) => category === chosen) ? [...counts, { category: chosen, sessions: 0 }] : counts;
  return (
    <div className="categories" role="group" aria-label={t("sessions.categories")}>
      <Chip name={t("sessions.all")} count={sum(counts)} pressed={!chosen} onPress={() => onChoose("")} />
      {shown.map(({ category, sessions }) => (
        <Chip
          key={category}
          name={category}
          count={sessions}
          pressed={category === chosen}
          onPress={() => onChoose(category === chosen ? "" : category)}
          onDrop={(ids) => onMove(ids, category)}
        />
      ))}
      {dragging && <Chip name={t("sessions.new-category")} icon="folder-plus" pressed={false} onDrop={onNew} />}
    </div>
  );
}
