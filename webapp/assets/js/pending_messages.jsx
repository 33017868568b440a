// What its author has sent and the server has not yet shown: the bubbles below the stored messages. They come from
// this browser's outbox, so that they are there offline and after a reload.
import { useEffect, useReducer, useRef } from "react";
import { useNavigate, useParams } from "react-router";
import { EDIT, draftKey, moveDraft } from "$/public/js/composer/drafts.js";
import { forget, retry, useOutbox, useOwner, withdraw } from "$/public/js/outbox.js";
import { useWords } from "$/public/js/words.js";

const MAKES = (item) => item.title === "create";

// A front page shows the messages that make a session, until there is one.
export const belongs = (item, sessionId) => (sessionId ? item.sessionId === sessionId : MAKES(item));

export function PendingMessages({ owner: told, askedIds, editable }) {
  const t = useWords();
  const owner = useOwner(told);
  const { session_id: sessionId = "" } = useParams();
  const navigate = useNavigate();
  const [, tick] = useReducer((count) => count + 1, 0);
  const all = useOutbox(owner);
  const unsent = useRef(new Set());
  for (const item of all) if (item.state !== "sent") unsent.current.add(item.id);
  // What was sent from an earlier front page has its own page.
  const here = (item) => belongs(item, sessionId) && (sessionId || unsent.current.has(item.id));
  const list = all.filter((item) => here(item) && !askedIds.includes(item.id));
  const waiting = list.some((item) => item.state === "pending" && item.next > Date.now());
  const arrived = sessionId ? null : list.find((item) => item.state === "sent");
  const count = useRef(0);

  const stored = all.filter((item) => item.state === "sent" && askedIds.includes(item.id)).map((item) => item.id);
  useEffect(() => {
    if (stored.length) forget(owner, stored);
  }, [stored.join()]);

  useEffect(() => {
    if (!waiting) return;
    const timer = setInterval(tick, 500);
    return () => clearInterval(timer);
  }, [waiting]);

  useEffect(() => {
    if (!arrived) return;
    // What is being written meanwhile comes along.
    moveDraft(draftKey(owner, ""), draftKey(owner, arrived.sessionId));
    navigate(`/chat/${arrived.sessionId}`);
  }, [arrived?.sessionId]);

  useEffect(() => {
    if (list.length > count.current) document.querySelector(".scroller")?.scrollTo({ top: 0 });
    count.current = list.length;
  }, [list.length]);

  if (!list.length) return null;
  const before = (index) => list.slice(0, index).some((item) => item.state === "pending" || item.state === "sending");
  return (
    <ol className="messages pending-messages" aria-label={t("outbox.waiting")} data-testid="pending-messages">
      {list.map((item, index) => (
        <li key={item.id}>
          <article
            className="message user"
            aria-label={t("outbox.you")}
            data-testid="message"
            data-role="user"
            data-status={item.state}
          >
            <div className="message-bubble">
              <p className="plain">{item.text}</p>
            </div>
            <footer className="message-facts">
              <Progress item={item} owner={owner} behind={before(index)} editable={editable} />
            </footer>
          </article>
        </li>
      ))}
    </ol>
  );
}

function Progress({ item, owner, behind, editable }) {
  const t = useWords();
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
