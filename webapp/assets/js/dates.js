// A moment in words. Each form is made once: making one costs more than a hundred uses of it.
const forms = new Map();

// `options` are those of Intl.DateTimeFormat.
export const inWords = (date, locale, options) => {
  const key = `${locale} ${JSON.stringify(options)}`;
  if (!forms.has(key)) forms.set(key, new Intl.DateTimeFormat(locale, options));
  return forms.get(key).format(date);
};
