// What a screen reader says by itself: that an answer begins, then its finished sentences, and what was done.
import { useEffect, useRef, useState } from "react";
import { useWords } from "$/public/js/words.js";
import { newSentences } from "$/public/js/comfort/sentences.js";

const SAY = "chat-say";
const HEARD = "chat-answer-heard";
const PAUSE = 1500;
const KEPT = 8;

export const say = (text) => window.dispatchEvent(new CustomEvent(SAY, { detail: text }));

// An answer as far as it is known; `done` once there will be no more of it.
export const answerHeard = (messageId, text, done) =>
  window.dispatchEvent(new CustomEvent(HEARD, { detail: { messageId, text, done } }));

export function Announcer() {
  const t = useWords();
  const [said, setSaid] = useState([]);
  const count = useRef(0);
  const answers = useRef(new Map());
  const add = (text) =>
    text && setSaid((list) => [...list, { id: (count.current += 1), text }].slice(-KEPT));

  useEffect(() => {
    const hear = ({ detail: { messageId, text, done } }) => {
      let answer = answers.current.get(messageId);
      if (!answer) {
        if (done) return; // it was there when the page came
        answer = { taken: 0, timer: null };
        answers.current.set(messageId, answer);
        add(t("announcer.begins"));
      }
      const speak = () => {
        const [sentences, taken] = newSentences(answer.text, answer.taken, answer.done, t);
        Object.assign(answer, { taken, timer: null });
        add(sentences);
        if (answer.done) answers.current.delete(messageId);
      };
      Object.assign(answer, { text, done });
      if (done) {
        clearTimeout(answer.timer);
        speak();
      } else answer.timer ??= setTimeout(speak, PAUSE);
    };
    const repeat = ({ detail }) => add(detail);
    window.addEventListener(HEARD, hear);
    window.addEventListener(SAY, repeat);
    return () => {
      window.removeEventListener(HEARD, hear);
      window.removeEventListener(SAY, repeat);
    };
  }, [t]);

  return (
    <div className="visually-hidden" role="log" aria-live="polite" aria-label={t("announcer.label")} data-testid="announcer">
      {said.map(({ id, text }) => (
        <p key={id}>{text}</p>
      ))}
    </div>
  );
}
