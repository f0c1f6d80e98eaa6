// structuredClone, through the serializer of stored values.

import { native } from "../internal/native.js";

const transferOf = /** @type {any} */ (ArrayBuffer.prototype).transfer;

/**
 * A deep copy. Buffers in `transfer` are emptied.
 * @template T
 * @param {T} value
 * @param {{ transfer?: ArrayBuffer[] }} [options]
 * @returns {T}
 */
export function structuredClone(value, options) {
  const transfer = [...(options?.transfer ?? [])];
  for (const item of transfer) {
    if (!(item instanceof ArrayBuffer)) {
      throw new DOMException("Only an ArrayBuffer can be transferred.", "DataCloneError");
    }
  }
  const copy = /** @type {T} */ (native.value.clone(value));
  for (const buffer of transfer) Reflect.apply(transferOf, buffer, []);
  return copy;
}
