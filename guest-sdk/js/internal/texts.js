// Texts inside of what is shown: with quotes, and not longer than anybody reads.

// As Node cuts strings inside of objects.
const TEXT_MAX = 10_000;
// Of each text of an error so much is told, as of a line of the log.
const ERROR_LENGTH_MAX = 64 * 1024;

/** @param {string} value @returns {string} */
export function quote(value) {
  const cut = value.length > TEXT_MAX ? value.slice(0, TEXT_MAX) : value;
  const mark = !cut.includes("'") ? "'" : !cut.includes('"') ? '"' : !cut.includes("`") ? "`" : "'";
  const inner = cut.replace(/[\\\n\r\t\b\f\v\0-\x1f\x7f]/g, (character) => {
    const known = JSON.stringify(character).slice(1, -1);
    return known.startsWith("\\u") ? `\\x${known.slice(4).toUpperCase()}` : known;
  });
  const escaped = mark === "'" ? inner.replaceAll("'", "\\'") : inner;
  const left = value.length - cut.length;
  return `${mark}${escaped}${mark}${left > 0 ? `... ${left} more characters` : ""}`;
}

/**
 * The beginning of a text that is too long to be told of an error: the rest could take all memory
 * that is left.
 * @param {string} text @returns {string}
 */
export function cut(text) {
  if (text.length <= ERROR_LENGTH_MAX) return text;
  return `${text.slice(0, ERROR_LENGTH_MAX)}... ${text.length - ERROR_LENGTH_MAX} more characters`;
}
