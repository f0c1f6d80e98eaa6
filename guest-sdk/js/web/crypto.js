// crypto: randomness straight from the host's operating system; nothing of it is kept here.
// `crypto.subtle` is not there yet.

import { native } from "../internal/native.js";
import { requireHandler } from "../internal/life.js";
import { asInterface } from "../internal/webidl.js";

const BYTES_MAX = 65_536;
const INTEGERS = [
  Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array,
  BigInt64Array, BigUint64Array,
];

export class Crypto {
  /** @template {ArrayBufferView} T @param {T} array @returns {T} the same array, filled */
  getRandomValues(array) {
    if (!INTEGERS.some((kind) => array instanceof kind)) {
      throw new DOMException(
        "getRandomValues() takes a typed array of integers.",
        "TypeMismatchError",
      );
    }
    const { buffer, byteOffset, byteLength } = array;
    if (byteLength > BYTES_MAX) {
      throw new DOMException(
        `getRandomValues() only accepts buffers of size <= 64K but provided ${byteLength} bytes.`,
        "QuotaExceededError",
      );
    }
    requireHandler();
    native.random.fill(/** @type {ArrayBuffer} */ (buffer), byteOffset, byteLength);
    return array;
  }

  /** @returns {string} */
  randomUUID() {
    requireHandler();
    return native.random.uuid();
  }
}

asInterface(Crypto, "getRandomValues", "randomUUID");

export const crypto = new Crypto();
