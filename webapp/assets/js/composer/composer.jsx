// Where one writes, and the one button beside it: it sends what is written, and stops an answer when nothing is.
// What is typed is kept in this browser until it is sent (drafts.js); what is sent is the outbox's (outbox.js).
import { useEffect, useRef, useState } from "react";
import { useParams } from "react-router";
import { useAction } from "$/public/js/actions.js";
import { BUDGET, Budget, isNear, lengthOf } from "$/public/js/composer/budget.jsx";
import { CommandMenu, MENU, optionId } from "$/public/js/composer/command_menu.jsx";
import { matching, run } from "$/public/js/composer/commands.js";
import { EDIT, becomes, becomesNow, draftKey as draftKeyOf, keepDraft, moveDraft, readDraft } from "$/public/js/composer/drafts.js";
import { remember, sentTexts } from "$/public/js/composer/sent_texts.js";
import { SUGGEST } from "$/public/js/composer/suggestions.jsx";
import { add, newId, useOutbox, useOwner } from "$/public/js/outbox.js";
import { belongs } from "$/public/js/messages/pending.jsx";
import { useHistory } from "$/public/js/messages/store.js";
import { useWords } from "$/public/js/words.js";

const QUOTE = "chat-quote";
const SETS_ITS_OWN_HEIGHT = typeof CSS !== "undefined" && CSS.supports("field-sizing", "content");

const quoted = (text) => text.trim().split("\n").map((line) => `> ${line}`.trimEnd()).join("\n");

// Like useEffect for an event of the window.
const useHeard = (name, handler) => {
  const newest = useRef(handler);
  newest.current = handler;
  useEffect(() => {
    const hear = (event) => newest.current(event.detail);
    window.addEventListener(name, hear);
    return () => window.removeEventListener(name, hear);
  }, [name]);
};

export function Composer({ owner: told, unnamedId, answeringId, longest, onStop }) {
  const t = useWords();
  const owner = useOwner(told);
  const { session_id: sessionId = "" } = useParams();
  const outbox = useOutbox(owner);
  const { rows } = useHistory(sessionId);
  const field = useRef(null);
  const shown = useRef(null);
  const recalled = useRef(null);
  const [text, setText] = useState("");
  const [problem, setProblem] = useState("");
  const [stopping, setStopping] = useState("");
  const [chosen, setChosen] = useState(0);
  const [dismissed, setDismissed] = useState(false);
  const draftKey = draftKeyOf(owner, sessionId);
  const empty = !text.trim();
  const stops = empty && answeringId !== "";
  const commands = dismissed || !text.startsWith("/") ? [] : matching(text, sessionId !== "", t);
  const command = commands[Math.min(chosen, commands.length - 1)];

  const keep = (origin) => {
    const written = field.current.value;
    if (!SETS_ITS_OWN_HEIGHT) {
      field.current.style.height = "auto";
      field.current.style.height = `${field.current.scrollHeight}px`;
    }
    setText(written);
    setProblem("");
    if (owner) keepDraft(draftKey, written, origin);
  };
  const put = (written, origin) => {
    field.current.value = written;
    field.current.setSelectionRange(written.length, written.length);
    field.current.scrollTop = field.current.scrollHeight;
    keep(origin);
  };
  const focus = () => field.current.focus({ preventScroll: true });

  useEffect(() => {
    // What was typed before the page knew who writes stays; the text of another chat does not.
    const typed = shown.current === null || shown.current === sessionId ? field.current.value : "";
    if (owner) {
      shown.current = sessionId;
      // What was being written as the front page became this chat comes along.
      if (sessionId && sessionId === becomesNow()) moveDraft(draftKeyOf(owner, ""), draftKey);
      becomes("");
    }
    recalled.current = null;
    const kept = owner ? readDraft(draftKey) : null;
    if (typed) keep();
    else put(kept?.text ?? "", kept?.origin);
    if (matchMedia("(pointer: fine)").matches) focus();
  }, [draftKey]);

  useHeard(SUGGEST, (suggestion) => {
    put(suggestion);
    focus();
  });
  useHeard(EDIT, ({ text: unsent, id, sessionId: target, title }) => {
    const typed = field.current.value;
    put(typed ? `${unsent}\n\n${typed}` : unsent, typed ? undefined : { id, sessionId: target, title });
    focus();
  });
  const quote = (said) => {
    if (!said.trim()) return;
    const typed = field.current.value.trimEnd();
    put(`${typed}${typed ? "\n\n" : ""}${quoted(said)}\n\n`);
    focus();
  };
  useHeard(QUOTE, (detail) => quote(typeof detail === "string" ? detail : detail.text));
  useAction("quote", (detail) => quote(detail.text ?? ""));
  useAction("focus-composer", focus);
  useAction("stop", () => answeringId && stop());

  const send = () => {
    const written = field.current.value.trim();
    if (!written || !owner) return;
    const over = lengthOf(written) - longest;
    if (over > 0) {
      setProblem(t("composer.too-long", { count: over }));
      return;
    }
    const draft = readDraft(draftKey);
    const again = draft?.origin && draft.text.trim() === written ? draft.origin : null;
    // On the front page the first message makes the session, and what follows before there is one belongs to it.
    const first = outbox.find((item) => belongs(item, sessionId) && item.state !== "sent");
    const target = sessionId
      ? { id: newId(), sessionId, title: unnamedId === sessionId ? "name" : "" }
      : { id: newId(), sessionId: becomesNow() || first?.sessionId || newId(), title: "create" };
    try {
      add(owner, { ...target, ...again, text: written });
    } catch {
      setProblem(t("composer.full"));
      return;
    }
    remember(owner, target.sessionId, written);
    recalled.current = null;
    put("");
    if (matchMedia("(pointer: fine)").matches) focus();
  };

  const stop = () => {
    setStopping(answeringId);
    onStop(answeringId);
    // Should the server not hear it, the button is there again.
    setTimeout(() => setStopping(""), 5000);
  };

  const runCommand = (wanted) => {
    put("");
    run(wanted);
  };

  // Arrow-up where nothing is written, or where what is written came so: the message before. True where it did.
  const recall = (step) => {
    const { value, selectionStart, selectionEnd } = field.current;
    const past = recalled.current;
    if (past ? past.texts[past.place] !== value : value || step < 0) return false;
    const outside = step > 0 ? value.slice(0, selectionStart) : value.slice(selectionEnd);
    if (outside.includes("\n")) return false;
    const texts = past?.texts ?? sentTexts(owner, sessionId, rows.filter((row) => row.role === "user").map((row) => row.content).reverse());
    const place = (past?.place ?? -1) + step;
    if (place >= texts.length) return past !== null;
    recalled.current = place < 0 ? null : { texts, place };
    put(place < 0 ? "" : texts[place]);
    return true;
  };

  const onKeyDown = (event) => {
    // Enter and the arrows also choose a word that is being composed in Japanese or Chinese.
    if (event.nativeEvent.isComposing) return;
    const { key } = event;
    const plain = !event.shiftKey && !event.ctrlKey && !event.metaKey && !event.altKey;
    const takes = (handle) => {
      event.preventDefault();
      handle();
    };
    if (command && plain) {
      const count = commands.length;
      if (key === "ArrowDown") return takes(() => setChosen((chosen + 1) % count));
      if (key === "ArrowUp") return takes(() => setChosen((chosen + count - 1) % count));
      if (key === "Escape") return takes(() => setDismissed(true));
      if (key === "Enter") return takes(() => runCommand(command));
      if (key === "Tab") return takes(() => put(`/${command.name}${command.argument ? " " : ""}`));
    }
    // A phone's Enter is a new line.
    const enters = key === "Enter" && !event.shiftKey && !event.altKey;
    if (enters && !matchMedia("(pointer: coarse)").matches) return takes(send);
    if (key === "Escape" && plain && answeringId) return takes(stop);
    const step = { ArrowUp: 1, ArrowDown: -1 }[key];
    if (plain && step && recall(step)) event.preventDefault();
  };

  useEffect(() => {
    const form = field.current.form;
    const submit = (event) => {
      event.preventDefault();
      if (stops) stop();
      else if (command) runCommand(command);
      else send();
    };
    form.addEventListener("submit", submit);
    return () => form.removeEventListener("submit", submit);
  });

  return (
    <>
      {command && <CommandMenu commands={commands} chosen={commands.indexOf(command)} onChoose={setChosen} onRun={runCommand} />}
      {problem && <p className="input-problem" role="alert">{problem}</p>}
      <textarea
        ref={field}
        className="message-input"
        data-testid="message-input"
        rows={1}
        aria-label={t("composer.label")}
        placeholder={t("composer.placeholder")}
        enterKeyHint="enter"
        aria-keyshortcuts="Shift+Escape"
        aria-describedby={isNear(text, longest) ? BUDGET : undefined}
        aria-autocomplete="list"
        aria-controls={command ? MENU : undefined}
        aria-activedescendant={command ? optionId(command.name) : undefined}
        onInput={() => {
          setChosen(0);
          setDismissed(false);
          keep();
        }}
        onKeyDown={onKeyDown}
      />
      <SendButton stops={stops} disabled={stops ? stopping === answeringId : !owner || empty} />
      <Budget text={text} longest={longest} />
      <span className="visually-hidden" role="status">
        {command && t("composer.commands-said", { count: commands.length })}
      </span>
    </>
  );
}

// Before the page is alive a click would load it anew, without what was typed: so it is disabled there.
function SendButton({ stops, disabled }) {
  const t = useWords();
  const [label, title] = stops ? [t("composer.stop"), t("composer.stop-hint")] : [t("composer.send"), t("composer.send-hint")];
  return (
    <button
      type="submit"
      className={stops ? "send-button stop" : "send-button"}
      aria-label={label}
      title={title}
      data-testid={stops ? "stop" : "send"}
      disabled={disabled}
    >
      {stops ? (
        <svg width="14" height="14" aria-hidden="true">
          <rect width="14" height="14" rx="3" fill="currentColor" />
        </svg>
      ) : (
        <svg width="19" height="19" viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="2" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true">
          <path d="m5 12 7-7 7 7M12 19V5" />
        </svg>
      )}
    </button>
  );
}
