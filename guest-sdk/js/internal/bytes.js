// Binary data as the natives take it: a buffer, an offset, a length.

/** @typedef {{ buffer: ArrayBuffer, offset: number, length: number }} Window */

import { byteLengthOf, OwnArrayBuffer } from "./own.js";

const { isView } = ArrayBuffer;

/**
 * The bytes that an ArrayBuffer or a view on one holds; undefined for anything else.
 * @param {unknown} data
 * @returns {Window | undefined}
 */
export function windowOf(data) {
  if (isView(data)) {
    const buffer = /** @type {ArrayBuffer} */ (data.buffer);
    return { buffer, offset: data.byteOffset, length: data.byteLength };
  }
  if (data instanceof OwnArrayBuffer) {
    return { buffer: data, offset: 0, length: byteLengthOf(data) };
  }
  return undefined;
}

/**
 * The same bytes in a buffer of their own.
 * @param {Window} window
 * @returns {ArrayBuffer}
 */
export function copyOf({ buffer, offset, length }) {
  return buffer.slice(offset, offset + length);
}
