// Text as it was written; the lines that begin it with ">" are what it answers to.
export function Plain({ text }) {
  const quote = text.match(/^(?:>[^\n]*\n?)+/)?.[0] ?? "";
  const rest = text.slice(quote.length).replace(/^\n/, "");
  return (
    <>
      {quote && <blockquote className="quoted">{quote.trimEnd().replace(/^> ?/gm, "")}</blockquote>}
      {(rest || !quote) && <p className="plain">{rest}</p>}
    </>
  );
}
