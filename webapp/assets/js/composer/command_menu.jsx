// The commands that what is written may become, above the field, which keeps the focus.
import { useEffect, useRef } from "react";
import { useWords } from "$/public/js/words.js";

export const MENU = "command-menu";
export const optionId = (name) => `command-${name}`;

export function CommandMenu({ commands, chosen, onChoose, onRun }) {
  const t = useWords();
  const list = useRef(null);
  useEffect(() => {
    list.current?.children[chosen]?.scrollIntoView({ block: "nearest" });
  }, [chosen]);
  return (
    <ul ref={list} id={MENU} className="command-menu" role="listbox" aria-label={t("composer.commands")} data-testid="command-menu">
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
