// setTimeout and setInterval. Each armed timer is one of the host's, which fires once; an interval
// arms the next one when it has run. What room code holds is a number of ours, because an
// interval's host timer changes.

import { reportUncaught } from "../internal/errors.js";
import { requireHandler } from "../internal/life.js";
import { native } from "../internal/native.js";
import { apply, max, min, OwnTypeError, Table, toNumber, trunc } from "../internal/own.js";
import { scope } from "../internal/scope.js";

const { set, clear } = native.timers;
/** Longer delays are more than any room lives. */
const DELAY_MS_MAX = 2 ** 47;

/**
 * @typedef {object} Timer
 * @property {number} id
 * @property {number} handle the host's
 * @property {Function} callback
 * @property {unknown[]} args
 * @property {number | undefined} interval
 */

/** @type {Table<number, Timer>} */
const byId = new Table();
/** @type {Table<number, Timer>} */
const byHandle = new Table();
let lastId = 0;

/** @param {Function} callback @param {number} [delay] @param {...unknown} args */
export function setTimeout(callback, delay, ...args) {
  return start("setTimeout", callback, delay, args, false);
}

/** @param {Function} callback @param {number} [delay] @param {...unknown} args */
export function setInterval(callback, delay, ...args) {
  return start("setInterval", callback, delay, args, true);
}

/** Ends either kind; anything that is no running timer is ignored. @param {number} [id] */
export function clearTimeout(id) {
  // No timer can have been set yet; the reference refuses all the same.
  if (id !== undefined && id !== null) requireHandler();
  const timer = byId.get(toNumber(id));
  if (timer === undefined) return;
  byId.delete(timer.id);
  // The host has forgotten the timer whose callback is running.
  if (byHandle.delete(timer.handle)) clear(timer.handle);
}

/**
 * @param {string} name @param {Function} callback @param {unknown} delay @param {unknown[]} args
 * @param {boolean} repeat
 */
function start(name, callback, delay, args, repeat) {
  requireHandler();
  if (typeof callback !== "function") {
    throw new OwnTypeError(`Failed to execute '${name}': parameter 1 is not of type 'Function'.`);
  }
  // An interval of zero would leave the room no time for anything else.
  const least = repeat ? 1 : 0;
  const wanted = trunc(toNumber(delay)) || 0;
  const ms = min(max(wanted, least), DELAY_MS_MAX);
  const timer = { id: ++lastId, handle: 0, callback, args, interval: repeat ? ms : undefined };
  byId.set(timer.id, timer);
  arm(timer, ms);
  return timer.id;
}

/** @param {Timer} timer @param {number} ms */
function arm(timer, ms) {
  timer.handle = set(ms, scope.current);
  byHandle.set(timer.handle, timer);
}

/** The host's timer is due. @param {number} handle */
export function onTimer(handle) {
  scope.current = scope.innermost;
  const timer = byHandle.get(handle);
  if (timer === undefined) return;
  byHandle.delete(handle);
  if (timer.interval === undefined) byId.delete(timer.id);
  try {
    apply(timer.callback, globalThis, timer.args);
  } catch (error) {
    reportUncaught(error);
  }
  // It may have been cleared by its own callback.
  if (timer.interval !== undefined && byId.has(timer.id)) arm(timer, timer.interval);
}
