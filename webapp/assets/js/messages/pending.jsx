// What its author has sent and the server has not yet shown. It comes from this browser's outbox, so that it is there
// offline and after a reload: below the stored messages (message_list.jsx), or where there are none by itself.
import { memo, useEffect, useReducer, useRef } from "react";
import { useNavigate, useParams } from "react-router";
import { EDIT, becomes } from "$/public/js/composer/drafts.js";
import { Plain } from "$/public/js/messages/plain_text.jsx";
import { retry, useOutbox, useOwner, withdraw } from "$/public/js/outbox.js";
import { useWords } from "$/public/js/words.js";

const MAKES = (item) => item.title === "create";

// A front page shows the messages that make a session, until there is one.
export const belongs = (item, sessionId) => (sessionId ? item.sessionId === sessionId : MAKES(item));

// Whether it must let another one go first.
export const isBehind = (list, index) =>
  list.slice(0, index).some((item) => item.state === "pending" || item.state === "sending");

export const PendingMessage = memo(function PendingMessage({ item, behind, owner, editable = true }) {
  const t = useWords();
  return (
    <article className="message user" aria-label={t("outbox.you")} data-testid="message" data-role="user" data-status={item.state}>
      <div className="message-bubble">
        <Plain text={item.text} />
      </div>
      <footer className="message-facts">
        <Progress item={item} owner={owner} behind={behind} editable={editable} />
      </footer>
    </article>
  );
});

export function PendingMessages({ owner: told, editable }) {
  const t = useWords();
  const owner = useOwner(told);
  const { session_id: sessionId = "" } = useParams();
  const navigate = useNavigate();
  const all = useOutbox(owner);
  const unsent = useRef(new Set());
  for (const item of all) if (item.state !== "sent") unsent.current.add(item.id);
  // What was sent from an earlier front page has its own page.
  const list = all.filter((item) => belongs(item, sessionId) && (sessionId || unsent.current.has(item.id)));
  const arrived = sessionId ? null : list.find((item) => item.state === "sent");

  useEffect(() => {
    if (!arrived) return;
    becomes(arrived.sessionId);
    navigate(`/chat/${arrived.sessionId}`);
  }, [arrived?.sessionId]);

  if (!list.length) return null;
  return (
    <ol className="pending-messages" aria-label={t("outbox.waiting")} data-testid="pending-messages">
      {list.map((item, index) => (
        <li key={item.id}>
          <PendingMessage item={item} behind={isBehind(list, index)} owner={owner} editable={editable} />
        </li>
      ))}
    </ol>
  );
}

function Progress({ item, owner, behind, editable }) {
  const t = useWords();
  const [, tick] = useReducer((count) => count + 1, 0);
  const counting = item.state === "pending" && item.next > Date.now();
  useEffect(() => {
    if (!counting) return;
    const timer = setInterval(tick, 500);
    return () => clearInterval(timer);
  }, [counting, item.next]);
  if (item.state === "sent") return <span>{t("outbox.sent")}</span>;
  if (item.state === "sending" || (!behind && !item.tries && !item.problem))
    return <span role="status">{t("outbox.sending")}</span>;
  const failed = item.state === "failed";
  const seconds = Math.ceil((item.next - Date.now()) / 1000);
  // What the server says of it comes in words, what the browser says as the name of a text.
  const problem = t(item.problem);
  const wording = failed ? t("outbox.failed", { problem }) : behind ? t("outbox.behind") : t("outbox.pending", { problem });
  const edit = () => window.dispatchEvent(new CustomEvent(EDIT, { detail: withdraw(owner, item.id) }));
  return (
    <span className={failed ? "progress failed" : "progress"}>
      <span role={failed ? "alert" : "status"}>{wording}</span>
      {/* The seconds are not read out, each one anew. */}
      {!failed && !behind && <span aria-hidden="true">{seconds > 0 ? t("outbox.again-in", { seconds }) : t("outbox.again-now")}</span>}
      <span className="progress-actions">
        {!behind && (
          <button type="button" onClick={() => retry(owner, item.id)} data-testid="retry-message">
            {failed ? t("outbox.retry") : t("outbox.try-now")}
          </button>
        )}
        {editable && (
          <button type="button" onClick={edit} data-testid="edit-message">
            {t("outbox.edit")}
          </button>
        )}
        <button type="button" onClick={() => withdraw(owner, item.id)} data-testid="delete-message">
          {t("outbox.delete")}
        </button>
      </span>
    </span>
  );
}
