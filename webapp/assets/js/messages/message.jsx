// One message: a question or an answer, what stands above it, and what can be done with it.
import { memo, useEffect, useState } from "react";
import {
  Check,
  ChevronLeft,
  ChevronRight,
  CircleAlert,
  CircleStop,
  Copy,
  Pencil,
  Quote,
  RefreshCw,
  Scissors,
  ThumbsDown,
  ThumbsUp,
  Trash2,
} from "lucide-react";
import { act } from "$/public/js/actions.js";
import { inWords } from "$/public/js/dates.js";
import { useLiveAnswer } from "$/public/js/messages/live_answer.js";
import { LocalTime } from "$/public/js/local_time.jsx";
import { EditField } from "$/public/js/messages/edit_field.jsx";
import { Markdown } from "$/public/js/messages/markdown.jsx";
import { Plain } from "$/public/js/messages/plain_text.jsx";
import { useWords } from "$/public/js/words.js";

export const Message = memo(function Message({ row, day, fresh, reachable, lit, editing, actions }) {
  const t = useWords();
  const own = row.role === "user";
  return (
    <>
      {day && <DateDivider moment={day} />}
      {fresh && (
        <div className="new-divider" role="separator" data-testid="new-divider">
          <span>{t("messages.new")}</span>
        </div>
      )}
      <article
        className={`message ${own ? "user" : "assistant"}${lit ? " lit" : ""}`}
        aria-label={t(own ? "messages.you" : "messages.assistant")}
        aria-busy={row.status === "streaming"}
        tabIndex={-1}
        data-testid="message"
        data-message={row.message_id}
        data-role={row.role}
        data-status={row.status}
      >
        {own ? <Question row={row} editing={editing} actions={actions} /> : <Answer row={row} reachable={reachable} actions={actions} />}
      </article>
    </>
  );
});

function DateDivider({ moment }) {
  const t = useWords();
  const date = new Date(moment);
  const days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(date).setHours(0, 0, 0, 0)) / 86400000);
  const year = date.getFullYear() === new Date().getFullYear() ? undefined : "numeric";
  const wording =
    days === 0 || days === 1
      ? t(days ? "messages.yesterday" : "messages.today")
      : inWords(date, t.locale, { weekday: "long", day: "numeric", month: "long", year });
  return (
    <div className="date-divider" role="separator" data-testid="date-divider">
      <span>{wording}</span>
    </div>
  );
}

function Question({ row, editing, actions }) {
  const t = useWords();
  if (editing) return <EditField row={row} actions={actions} />;
  return (
    <>
      <div className="message-bubble">
        <Plain text={row.content} />
      </div>
      <footer className="message-facts">
        <span className="message-actions">
          <CopyButton text={row.content} />
          <IconButton icon={Pencil} label={t("messages.edit")} onClick={() => actions.edit(row.message_id)} data-testid="edit" />
          <QuoteButton row={row} />
          <DeleteButton row={row} actions={actions} />
        </span>
        <Versions row={row} label={t("messages.versions-of-question")} onChoose={actions.choose} />
        <LocalTime moment={row.timestamp} brief={false} />
        <Check size={13} aria-label={t("messages.sent")} role="img" />
      </footer>
    </>
  );
}

function Answer({ row, reachable, actions }) {
  const t = useWords();
  const text = useLiveAnswer(row.message_id, row.status, row.content);
  const writing = row.status === "streaming";
  return (
    <>
      <div className="message-bubble">
        {text ? <Markdown text={text} /> : writing && <Typing label={t("messages.writing")} />}
        <Outcome row={row} actions={actions} />
      </div>
      <footer className="message-facts">
        <Versions row={row} label={t("messages.versions-of-answer")} onChoose={actions.choose} />
        {writing ? (
          // With every server away nobody is left to say that the answer has broken off.
          <span>{t(reachable ? "messages.answering" : "messages.waiting")}</span>
        ) : (
          <>
            <LocalTime moment={row.timestamp} brief={false} />
            <span className="message-actions">
              {row.content && <CopyButton text={row.content} />}
              {row.status === "complete" && (
                <IconButton
                  icon={RefreshCw}
                  label={t("messages.regenerate")}
                  onClick={() => actions.regenerate(row.message_id)}
                  data-testid="regenerate"
                />
              )}
              {row.content && <Ratings row={row} actions={actions} />}
              {row.content && <QuoteButton row={row} />}
              <DeleteButton row={row} actions={actions} />
            </span>
          </>
        )}
      </footer>
    </>
  );
}

// Shown at once; what the server has of it comes with the row.
function Ratings({ row, actions }) {
  const t = useWords();
  const [given, setGiven] = useState(null);
  useEffect(() => setGiven(null), [row.rating]);
  const rating = given ?? row.rating;
  const rate = (wanted) => {
    const now = rating === wanted ? "" : wanted;
    setGiven(now);
    actions.rate(row.message_id, now);
  };
  return [
    ["up", ThumbsUp, "messages.good"],
    ["down", ThumbsDown, "messages.bad"],
  ].map(([way, icon, label]) => (
    <IconButton
      key={way}
      icon={icon}
      label={t(label)}
      aria-pressed={rating === way}
      onClick={() => rate(way)}
      data-testid={`rate-${way}`}
    />
  ));
}

// What is marked of the message, or else all of it.
function QuoteButton({ row }) {
  const t = useWords();
  const quote = ({ currentTarget }) => {
    const marked = getSelection();
    const inside = currentTarget.closest("article").contains(marked.anchorNode) && !marked.isCollapsed;
    act("quote", { text: (inside && marked.toString().trim()) || row.content });
  };
  // The button must not take away what is marked.
  return (
    <IconButton icon={Quote} label={t("messages.quote")} onMouseDown={(event) => event.preventDefault()} onClick={quote} data-testid="quote" />
  );
}

function DeleteButton({ row, actions }) {
  const t = useWords();
  return <IconButton icon={Trash2} label={t("messages.delete")} onClick={() => actions.remove(row)} data-testid="delete" />;
}

const Typing = ({ label }) => (
  <div className="typing" role="status" aria-label={label} data-testid="typing">
    <span />
    <span />
    <span />
  </div>
);

// What became of an answer that is not whole, and the two ways on.
function Outcome({ row, actions }) {
  const t = useWords();
  const [Icon, words, kind, role] =
    row.status === "failed"
      ? [CircleAlert, row.problem || t("messages.broke-off"), "failure", "alert"]
      : row.status === "stopped"
        ? [CircleStop, t("messages.stopped"), "stopped", "note"]
        : row.cut && row.status === "complete"
          ? [Scissors, t("messages.cut"), "stopped", "note"]
          : [];
  if (!Icon) return null;
  return (
    <div className={`outcome ${kind}`} role={role}>
      <Icon size={18} aria-hidden="true" />
      <span className="outcome-words">{words}</span>
      <span className="outcome-actions">
        {row.content && (
          <button type="button" className="plain-button" onClick={() => actions.goOn(row.message_id)} data-testid="continue">
            {t("messages.continue")}
          </button>
        )}
        <button type="button" className="plain-button" onClick={() => actions.regenerate(row.message_id)} data-testid="regenerate">
          {t("messages.regenerate")}
        </button>
      </span>
    </div>
  );
}

// ‹ 2/3 ›
function Versions({ row, label, onChoose }) {
  const t = useWords();
  const { versions } = row;
  if (versions.length < 2) return null;
  const place = versions.indexOf(row.message_id);
  return (
    <span className="version-switch" role="group" aria-label={label}>
      <IconButton icon={ChevronLeft} label={t("messages.earlier-version")} disabled={place < 1} onClick={() => onChoose(versions[place - 1])} />
      <span role="status" aria-label={t("messages.version", { number: place + 1, count: versions.length })} data-testid="version">
        {place + 1}/{versions.length}
      </span>
      <IconButton icon={ChevronRight} label={t("messages.later-version")} disabled={place === versions.length - 1} onClick={() => onChoose(versions[place + 1])} />
    </span>
  );
}

export function IconButton({ icon: Icon, label, className = "", ...props }) {
  return (
    <button type="button" className={`icon-button ${className}`.trim()} aria-label={label} title={label} {...props}>
      <Icon size={15} aria-hidden="true" />
    </button>
  );
}

export function CopyButton({ text }) {
  const t = useWords();
  const [done, setDone] = useState(false);
  const copy = () => {
    navigator.clipboard?.writeText(text).then(() => {
      setDone(true);
      setTimeout(() => setDone(false), 1500);
    });
  };
  return <IconButton icon={done ? Check : Copy} label={t(done ? "messages.copied" : "messages.copy")} onClick={copy} data-testid="copy" />;
}
