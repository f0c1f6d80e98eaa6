// The end of an event: the host is told when a handler's promise is done, and which handlers can
// never be.
//
// An `Owed` is held by nothing but the function that waits for the handler's promise, and that one
// by nothing but the promise. When no code is left that could resolve the promise, all three are
// garbage together; the collector finds that out exactly, because values are counted and not
// guessed from a stack. A promise whose resolver somebody keeps (a long poll) stays alive with it.

import { failureOf, reportUncaught } from "../internal/errors.js";
import { native } from "../internal/native.js";
import { Table, Weak } from "../internal/own.js";
import { requestEnds } from "./requests.js";

const { done, failed, isFulfilled } = native.events;

class Owed {
  /** @param {number} event */
  constructor(event) {
    this.event = event;
  }
}

/** Events whose handler has returned a promise. @type {Table<number, Weak<Owed>>} */
const unsettled = new Table();

/**
 * Whether a handler's result must be waited for.
 * @param {unknown} value
 * @returns {value is PromiseLike<unknown>}
 */
export function isThenable(value) {
  return value !== null && (typeof value === "object" || typeof value === "function") &&
    typeof (/** @type {any} */ (value).then) === "function";
}

/**
 * Settles an event when the result of its handler is there.
 * @param {number} event
 * @param {unknown} result what the handler returned
 * @param {(event: number, value: unknown) => void} finish told of the value
 * @param {(event: number, error: unknown) => void} fail told of the exception
 */
export function whenDone(event, result, finish, fail) {
  if (!isThenable(result)) {
    attempt(event, result, finish, fail);
    return;
  }
  // Most async handlers are done when they return. The value of such a promise cannot be looked
  // at, so that only handlers without one take the short way.
  if (finish === done && isFulfilled(result)) {
    done(event);
    return;
  }
  const owed = new Owed(event);
  unsettled.set(event, new Weak(owed));
  waitFor(owed, result, finish, fail);
}

/**
 * @param {Owed} owed @param {PromiseLike<unknown>} result
 * @param {(event: number, value: unknown) => void} finish
 * @param {(event: number, error: unknown) => void} fail
 */
async function waitFor(owed, result, finish, fail) {
  let end = finish;
  let value;
  try {
    value = await result;
  } catch (error) {
    end = fail;
    value = error;
  }
  unsettled.delete(owed.event);
  attempt(owed.event, value, end, fail);
}

/**
 * @param {number} event @param {unknown} value
 * @param {(event: number, value: unknown) => void} finish
 * @param {(event: number, error: unknown) => void} fail
 */
function attempt(event, value, finish, fail) {
  try {
    finish(event, value);
  } catch (error) {
    try {
      fail(event, error);
    } catch (again) {
      reportUncaught(again);
    }
  }
}

/**
 * @param {number} event
 * @param {unknown} error
 * @param {string} fallback the message when the error has none
 */
export function settleFailed(event, error, fallback) {
  const { message, detail, status } = failureOf(error, fallback);
  failed(event, message, detail, status);
}

/**
 * Those events whose handler can never be done. Correct only right after a garbage collection.
 * @param {number[]} events events that the host has not been told the end of
 * @returns {number[]}
 */
export function stranded(events) {
  /** @type {number[]} */
  const lost = [];
  for (let index = 0; index < events.length; index++) {
    const event = events[index];
    // One that is not known here was dropped by an exception in the platform itself.
    if (unsettled.get(event)?.deref() !== undefined) continue;
    lost[lost.length] = event;
    unsettled.delete(event);
    requestEnds(event);
  }
  return lost;
}
