// Which rows of the list are chosen, to do something with all of them at once.
import { useState } from "react";

const NONE = new Set();

export const useSelection = (ids) => {
  const [chosen, setChosen] = useState(null);
  const [last, setLast] = useState("");
  const selecting = chosen !== null;
  const listed = selecting ? ids.filter((id) => chosen.has(id)) : [];
  return {
    selecting,
    ids: listed,
    has: (id) => selecting && chosen.has(id),
    begin: (id) => {
      setChosen(id ? new Set([id]) : NONE);
      setLast(id ?? "");
    },
    end: () => setChosen(null),
    all: () => setChosen(listed.length === ids.length ? NONE : new Set(ids)),
    // With the shift key: all from the one before to this one.
    toggle: (id, range) => {
      const next = new Set(chosen ?? NONE);
      const from = range ? ids.indexOf(last) : -1;
      const to = ids.indexOf(id);
      if (from >= 0 && to >= 0) ids.slice(Math.min(from, to), Math.max(from, to) + 1).forEach((other) => next.add(other));
      else if (!next.delete(id)) next.add(id);
      setChosen(next);
      setLast(id);
    },
  };
};
