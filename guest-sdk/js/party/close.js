// The rules of a WebSocket's close(): which codes, which reasons.

import { native } from "../internal/native.js";
import { includes, OwnArrayBuffer, OwnTypeError, sliceOf, toNumber, trunc } from "../internal/own.js";

const REASON_BYTES_MAX = 123;
/** Codes that only a WebSocket implementation itself may report. */
const RESERVED = [1004, 1005, 1006, 1015];

/**
 * Checks the arguments of close() with the reference's errors.
 * @param {unknown} code
 * @param {unknown} reason
 * @returns {{ code: number, reason: string }} code 0: none was given
 */
export function closeArguments(code, reason) {
  if (code === undefined) {
    if (reason !== undefined) {
      throw new OwnTypeError(
        "If you specify a WebSocket close reason, you must also specify a code.",
      );
    }
    return { code: 0, reason: "" };
  }
  const number = trunc(toNumber(code)) || 0;
  if (number < 1000 || number > 4999 || includes(RESERVED, number)) {
    throw new OwnTypeError(`Invalid WebSocket close code: ${number}.`);
  }
  return { code: number, reason: reason === undefined ? "" : cut(`${reason}`) };
}

/**
 * A Close frame has room for so many bytes; the reference sends a broken frame instead.
 * @param {string} reason
 */
function cut(reason) {
  if (reason.length * 3 <= REASON_BYTES_MAX) return reason;
  const room = new OwnArrayBuffer(REASON_BYTES_MAX);
  const units = native.encoding.encodeInto(reason, room, 0, REASON_BYTES_MAX)[0];
  return sliceOf(reason, 0, units);
}
