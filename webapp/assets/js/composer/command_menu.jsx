// The commands that what is written may become, above the field, which keeps the focus.
import { useEffect, useLayoutEffect, useRef } from "react";
import { useWords } from "$/public/js/words.js";

// Pixels. It opens upwards where it fits there below the page's header, else where there is more room.
const [GAP, MARGIN, HEADER, ENOUGH, TALLEST] = [8, 8, 62, 240, 360];

export const MENU = "command-menu";
export const optionId = (name) => `command-${name}`;

export function CommandMenu({ commands, chosen, onChoose, onRun }) {
  const t = useWords();
  const list = useRef(null);
  useLayoutEffect(() => {
    const { top, bottom } = list.current.offsetParent.getBoundingClientRect();
    const [above, below] = [top - GAP - HEADER, innerHeight - bottom - GAP - MARGIN];
    const up = above >= ENOUGH || above >= below;
    Object.assign(list.current.style, {
      [up ? "bottom" : "top"]: `calc(100% + ${GAP}px)`,
      maxHeight: `${Math.min(TALLEST, up ? above : below)}px`,
    });
  }, []);
  useEffect(() => {
    list.current?.children[chosen]?.scrollIntoView({ block: "nearest" });
  }, [chosen]);
  return (
    <ul ref={list} id={MENU} className="command-menu" role="listbox" tabIndex={0} aria-label={t("composer.commands")} data-testid="command-menu">
      {commands.map((command, index) => (
        <li
          key={command.name}
          id={optionId(command.name)}
          role="option"
          aria-selected={index === chosen}
          // The field must not lose the focus, nor a phone its keyboard.
          onPointerDown={(event) => event.preventDefault()}
          onPointerMove={() => index !== chosen && onChoose(index)}
          onClick={() => onRun(command)}
        >
          <span className="command-name">
            /{command.name}
            {command.argument && <i> {command.value || t(`composer.command.${command.name}.argument`)}</i>}
          </span>
          <span className="command-meaning">{t(`composer.command.${command.name}`)}</span>
        </li>
      ))}
    </ul>
  );
}
