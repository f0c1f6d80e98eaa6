// The few conversions of Web IDL that our APIs need: strings of bytes, strings without lone
// surrogates, and the installation of globals the way a browser has them.

/**
 * A string whose characters are bytes, as in headers.
 * @param {unknown} value
 * @returns {string}
 */
export function byteString(value) {
  const text = `${value}`;
  for (let index = 0; index < text.length; index++) {
    if (text.charCodeAt(index) > 255) {
      throw new TypeError(
        `Cannot convert argument to a ByteString because the character at index ${index} has a ` +
          `value of ${text.charCodeAt(index)} which is greater than 255.`,
      );
    }
  }
  return text;
}

/**
 * A string whose lone surrogates became U+FFFD.
 * @param {unknown} value
 * @returns {string}
 */
export function usvString(value) {
  return `${value}`.toWellFormed();
}

/**
 * Adds globals that behave like a browser's: writable, configurable, not enumerable.
 * @param {Record<string, unknown>} globals
 */
export function expose(globals) {
  for (const [name, value] of Object.entries(globals)) {
    Object.defineProperty(globalThis, name, {
      value,
      writable: true,
      configurable: true,
      enumerable: false,
    });
  }
}

/**
 * Names a class as `Object.prototype.toString` shows it, and makes its members enumerable as Web
 * IDL wants.
 * @param {{ name: string, prototype: object }} constructor
 * @param {...string} members
 */
export function asInterface(constructor, ...members) {
  Object.defineProperty(constructor.prototype, Symbol.toStringTag, {
    value: constructor.name,
    configurable: true,
  });
  for (const name of members) {
    Object.defineProperty(constructor.prototype, name, { enumerable: true });
  }
}
