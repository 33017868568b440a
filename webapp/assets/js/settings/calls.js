// What the settings ask the server for (webapp/routes/account.py, session_settings.py), with the browser's own cookie.

// Answers {data} or {detail}, which is worded for the reader. A browser that is signed out leaves.
export const call = async (t, method, path, body) => {
  try {
    const answer = await fetch(path, {
      method,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
    });
    const found = answer.status === 204 ? {} : await answer.json();
    if (answer.ok) return { data: found };
    if (answer.status === 401) {
      const next = encodeURIComponent(location.pathname);
      location.assign(`/sign-in?reason=expired&next=${next}`);
    }
    return { detail: found.detail };
  } catch {
    return { detail: t("errors.unreachable") };
  }
};

// After this nothing of whoever used the browser is left in it.
export const forgetEverything = () =>
  Object.keys(localStorage)
    .filter((key) => key.startsWith("chat-"))
    .forEach((key) => localStorage.removeItem(key));
