// How much more fits, near the end of what does. A screen reader hears the two turning points, not each letter.
import { useWords } from "$/public/js/words.js";

const NEAR = 0.9;

export const BUDGET = "composer-budget";
// As the database counts: characters, not halves of them.
export const lengthOf = (text) => {
  let length = 0;
  for (const _ of text) length += 1;
  return length;
};
export const isNear = (text, longest) => text.length > longest * NEAR;

export function Budget({ text, longest }) {
  const t = useWords();
  if (!isNear(text, longest)) return null;
  const left = longest - lengthOf(text);
  const over = left < 0;
  return (
    <p className={over ? "budget over" : "budget"} data-testid="budget">
      <span id={BUDGET}>{over ? t("composer.over", { count: -left }) : t("composer.left", { count: left })}</span>
      <span className="visually-hidden" role="status">
        {over ? t("composer.over-said") : t("composer.near-said")}
      </span>
    </p>
  );
}
