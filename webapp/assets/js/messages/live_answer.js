// The words of an answer as they are written: webapp/routes/live_answer.py says what the frames mean. A page that
// lost the line, or joins late, goes on where it was: nothing is missing and nothing comes twice.
import { useEffect, useRef, useState } from "react";
import { answerHeard } from "$/public/js/comfort/announcer.jsx";

const OVER = 1000;
const REFUSED = 4404;
const LONGEST_WAIT = 5000;

const cut = (text, characters) => Array.from(text).slice(0, characters).join("");
const length = (text) => Array.from(text).length;

// What has been heard of answers that are out of sight for a while.
const heardOf = new Map();

const follow = (messageId, show) => {
  let { run, text } = heardOf.get(messageId) ?? { run: "", text: "" };
  let failures = 0;
  let socket = null;
  let waiting = null;
  let left = false;

  const take = (frame) => {
    if (frame[0] === "@") {
      const [name, offset] = frame.slice(1).split(":");
      text = cut(text, Number(offset));
      run = name;
    } else if (frame[0] === "+") {
      text += frame.slice(1);
    }
    heardOf.set(messageId, { run, text });
    show(text);
  };
  const open = () => {
    const after = run ? `?after=${encodeURIComponent(`${run}:${length(text)}`)}` : "";
    socket = new WebSocket(`${location.origin.replace("http", "ws")}/answers/${messageId}/live${after}`);
    socket.onmessage = ({ data }) => {
      failures = 0;
      take(data);
    };
    socket.onclose = ({ code }) => {
      if (left || code === REFUSED) return;
      if (code !== OVER) failures += 1;
      // Over, and still followed: somebody may have let it go on before this page heard that it had ended.
      const wait = code === OVER ? LONGEST_WAIT / 2 : Math.min(LONGEST_WAIT, 200 * 2 ** failures);
      waiting = setTimeout(open, wait * (0.75 + Math.random() / 2));
    };
  };
  const hurry = () => {
    if (socket.readyState < WebSocket.CLOSING) return;
    clearTimeout(waiting);
    open();
  };
  window.addEventListener("online", hurry);
  open();
  return () => {
    left = true;
    clearTimeout(waiting);
    window.removeEventListener("online", hurry);
    socket.close();
  };
};

// The text to show of an answer: what is saved, or, while it is being written, what has been heard of it.
export function useLiveAnswer(messageId, status, saved) {
  const [heard, setHeard] = useState(() => heardOf.get(messageId)?.text ?? saved);
  const drawing = useRef({ began: 0, cost: 0, timer: null });
  const writing = status === "streaming";

  useEffect(() => {
    if (!writing) return;
    let newest = "";
    const draw = () => {
      drawing.current.timer = null;
      drawing.current.began = performance.now();
      setHeard(newest);
    };
    // Long answers take long to draw: never more than a third of the time is spent on it.
    const leave = follow(messageId, (text) => {
      newest = text;
      answerHeard(messageId, text, false);
      drawing.current.timer ??= setTimeout(draw, Math.max(30, 2 * drawing.current.cost));
    });
    return () => {
      leave();
      clearTimeout(drawing.current.timer);
      drawing.current.timer = null;
    };
  }, [messageId, writing]);

  useEffect(() => {
    if (drawing.current.began) drawing.current.cost = performance.now() - drawing.current.began;
  }, [heard]);

  useEffect(() => {
    if (writing) return;
    heardOf.delete(messageId);
    setHeard(saved); // where a later run goes on
    answerHeard(messageId, saved, true);
  }, [messageId, writing, saved]);

  return writing ? heard : saved;
}
