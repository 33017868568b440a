// One page of a session's messages, from webapp/routes/history.py.
const PATIENCE = 15000;

// Throws {status, message}: status 0 where nobody answered.
export const fetchPage = async (sessionId, query) => {
  let answer;
  try {
    answer = await fetch(`/history/${sessionId}?${new URLSearchParams(query)}`, {
      signal: AbortSignal.timeout(PATIENCE),
    });
  } catch (cause) {
    throw Object.assign(new Error("no answer", { cause }), { status: 0 });
  }
  const body = await answer.json().catch(() => null);
  if (!answer.ok || !body) throw Object.assign(new Error(body?.detail ?? ""), { status: answer.ok ? 0 : answer.status });
  return body;
};
