// Exceptions as the host is told of them: the message a peer may read, the text for the log, and
// the HTTP status that PartyKit takes from `error.code`.

import { inspect } from "./inspect.js";
import { native } from "./native.js";
import { includes, toNumber, trunc } from "./own.js";
import { cut } from "./texts.js";

/** @typedef {{ message: string, detail: string, status: number }} Failure */

/** Statuses that cannot carry the body an error is answered with. */
const BODILESS = [204, 205, 304];

/**
 * @param {unknown} error whatever was thrown
 * @param {string} fallback the message when the error has none
 * @returns {Failure}
 */
export function failureOf(error, fallback) {
  return {
    message: messageOf(error) || fallback,
    detail: detailOf(error),
    status: statusOf(error),
  };
}

/** @param {unknown} error @returns {string} */
function messageOf(error) {
  try {
    if (error !== null && typeof error === "object" && "message" in error) {
      return cut(`${error.message}`);
    }
    return typeof error === "symbol" ? error.toString() : cut(`${error}`);
  } catch {
    return "";
  }
}

/** @param {unknown} error @returns {string} */
export function detailOf(error) {
  try {
    return inspect(error);
  } catch {
    return typeof error === "string" ? error : "an error that cannot be shown";
  }
}

/** @param {unknown} error @returns {number} 0 when it names no status */
function statusOf(error) {
  try {
    const code = error !== null && typeof error === "object" && "code" in error ? error.code : 0;
    // The status of a Response is converted, and so is this.
    const given = typeof code === "number" || typeof code === "string" ? code : 0;
    const status = trunc(toNumber(given));
    return status >= 200 && status <= 599 && !includes(BODILESS, status) ? status : 0;
  } catch {
    return 0;
  }
}

/**
 * Puts an exception that nobody caught into the log.
 * @param {unknown} error
 */
export function reportUncaught(error) {
  native.log.write(4, `Uncaught ${detailOf(error)}`);
}

/**
 * The same for a promise that nobody listened to.
 * @param {unknown} reason
 */
export function reportRejection(reason) {
  native.log.write(4, `Uncaught (in promise) ${detailOf(reason)}`);
}
