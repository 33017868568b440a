// A file for the server, with how far it is: first on its way, then as the server reads it (Server-Sent Events, which
// docs/api.md describes). No fetch(): only XMLHttpRequest tells how much has been sent.
// onProgress({sent, size}) or onProgress({new, known, …}). Answers {data} or {detail}.
export const upload = (t, file, { signal, onProgress }) =>
  new Promise((resolve) => {
    const request = new XMLHttpRequest();
    let read = 0;
    let last = null;
    const events = () => {
      const text = request.responseText;
      for (let end = text.indexOf("\n\n", read); end >= 0; end = text.indexOf("\n\n", read)) {
        const event = parse(text.slice(read, end));
        read = end + 2;
        if (!event) continue;
        last = event;
        if (event.name === "progress") onProgress(event.data);
      }
    };
    const over = () => {
      if (request.status !== 200) return resolve({ detail: refusal(request) ?? t("errors.unreachable") });
      events();
      if (last?.name === "done") return resolve({ data: last.data });
      return resolve({ detail: (last?.name === "error" && reason(t, last.data)) || t("transfer.import.broke-off") });
    };
    request.open("POST", "/import");
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("Accept", "text/event-stream");
    request.upload.onprogress = ({ loaded, total }) => onProgress({ sent: loaded, size: total });
    request.onprogress = () => request.status === 200 && events();
    request.onload = over;
    request.onerror = () => resolve({ detail: t("errors.unreachable") });
    request.onabort = () => resolve({ detail: null });
    signal.addEventListener("abort", () => request.abort());
    request.send(file);
  });

const parse = (text) => {
  const lines = text.split("\n");
  const of = (field) => lines.find((line) => line.startsWith(`${field}: `))?.slice(field.length + 2);
  const data = of("data");
  return data ? { name: of("event"), data: JSON.parse(data) } : null;
};

const refusal = (request) => {
  try {
    return JSON.parse(request.responseText).detail;
  } catch {
    return null;
  }
};

const reason = (t, { code }) => code && t(`transfer.reason.${code}`);
