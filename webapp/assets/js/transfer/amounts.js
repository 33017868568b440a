const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte"];

// "1.2 MB", as the reader's language writes it.
export const amount = (bytes, language) => {
  const unit = Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(bytes, 1)) / 3));
  return new Intl.NumberFormat(language, {
    style: "unit",
    unit: UNITS[unit],
    unitDisplay: "short",
    maximumFractionDigits: unit > 1 ? 1 : 0,
  }).format(bytes / 1000 ** unit);
};
