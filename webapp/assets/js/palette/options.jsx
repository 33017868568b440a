// One line of the list: a chat or a message with what was found in it, a command, or the way to more.
import { labelOf, SHORTCUTS } from "$/public/js/comfort/shortcuts.js";
import { LocalTime } from "$/public/js/local_time.jsx";
import { ChatIcon, CommandIcon, MessageIcon } from "$/public/js/palette/icons.jsx";
import { useWords } from "$/public/js/words.js";

const BEGIN = "\u0002";
const END = "\u0003";

// What was sought stands between two control characters; all of it is text.
const Marked = ({ text }) =>
  text.split(BEGIN).map((part, place) => {
    const [sought, rest] = place ? part.split(END) : ["", part];
    return (
      <span key={place}>
        {sought && <mark>{sought}</mark>}
        {rest}
      </span>
    );
  });

const Line = ({ id, selected, onPoint, onChoose, className = "", children }) => (
  <div
    id={id}
    role="option"
    aria-selected={selected}
    className={`palette-option ${className}`}
    data-testid="palette-option"
    onMouseMove={() => selected || onPoint()}
    onMouseDown={(event) => event.preventDefault()}
    onClick={onChoose}
  >
    {children}
  </div>
);

export function HitOption({ hit, ...rest }) {
  const t = useWords();
  const title = (
    <span className="palette-title" dir="auto">
      {hit.message_id ? hit.title : <Marked text={hit.snippet} />}
    </span>
  );
  const facts = (
    <span className="palette-facts">
      {hit.is_archived && <span className="palette-badge">{t("search.archived")}</span>}
      {hit.off_path && <span className="palette-badge">{t("search.off-path")}</span>}
      <span className="palette-category" dir="auto">
        {hit.category}
      </span>
      <LocalTime moment={hit.timestamp} brief />
    </span>
  );
  if (!hit.message_id)
    return (
      <Line {...rest} className="palette-chat">
        <ChatIcon />
        {title}
        {facts}
      </Line>
    );
  return (
    <Line {...rest} className="palette-message">
      <MessageIcon role={hit.role} />
      <span className="palette-text">
        <span className="palette-of">
          {title}
          {facts}
        </span>
        <span className="palette-snippet" dir="auto">
          <span className="palette-by">{t(hit.role === "user" ? "search.by.user" : "search.by.assistant")}: </span>
          <Marked text={hit.snippet} />
        </span>
      </span>
    </Line>
  );
}

export function ActionOption({ action, ...rest }) {
  const t = useWords();
  const shortcut = SHORTCUTS.find((one) => one.action === action.action);
  return (
    <Line {...rest} className="palette-action">
      <CommandIcon />
      <span className="palette-title">
        {t(`composer.command.${action.name}`)}
        {action.value && <span className="muted">: {action.value}</span>}
      </span>
      {shortcut && (
        <span className="keys" aria-hidden="true">
          {shortcut.keys.map((key) => (
            <kbd key={key}>{labelOf(key, t)}</kbd>
          ))}
        </span>
      )}
    </Line>
  );
}

export function MoreOption(rest) {
  const t = useWords();
  return (
    <Line {...rest} className="palette-more">
      {t("search.more")}
    </Line>
  );
}
