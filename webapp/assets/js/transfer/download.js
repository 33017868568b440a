// A file of the server's, saved by the browser, with how many bytes of it have come.
// onBytes(bytes, chats): chats is how many there are in it, or null. Answers {data} or {detail}, like settings/calls.js;
// a file that breaks off is none.
export const download = async (t, path, { signal, onBytes }) => {
  try {
    const answer = await fetch(path, { signal });
    if (!answer.ok) {
      const { detail } = await answer.json();
      return { detail };
    }
    const chats = answer.headers.has("x-sessions") ? Number(answer.headers.get("x-sessions")) : null;
    const reader = answer.body.getReader();
    const pieces = [];
    let bytes = 0;
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      pieces.push(piece.value);
      bytes += piece.value.length;
      onBytes(bytes, chats);
    }
    save(new Blob(pieces, { type: answer.headers.get("content-type") }), nameIn(answer.headers));
    return { data: { bytes, chats } };
  } catch {
    return { detail: signal.aborted ? null : t("transfer.export.broke-off") };
  }
};

// RFC 6266: the name in UTF-8, where there is one.
const nameIn = (headers) => {
  const found = /filename\*=UTF-8''([^;]+)/i.exec(headers.get("content-disposition") ?? "");
  return found ? decodeURIComponent(found[1]) : "chat";
};

const save = (blob, name) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
};
