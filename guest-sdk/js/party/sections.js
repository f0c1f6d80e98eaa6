// blockConcurrencyWhile and transactions: stretches of work that nothing else may interrupt.
//
// The host opens and closes the sections; here is who waits for whom. A call from inside the
// innermost section opens one inside of it; any other call waits until the section it was made in
// is the innermost again. internal/scope.js says what "inside" means.

import { native } from "../internal/native.js";
import {
  includes, microtask, OwnError, OwnPromise, OwnTypeError, takeAt,
} from "../internal/own.js";
import { scope } from "../internal/scope.js";

const KEEP = 0;
const ROLLBACK = 1;
const BROKEN = 2;

/** What an exception does that escapes the function of a section. */
const RESETS_THE_ROOM = BROKEN;
const IS_ROLLED_BACK = ROLLBACK;

export class Section {
  over = false;
  /** How it is to be closed. */
  ending = KEEP;
  /** Called when it is closed. @type {() => void} */
  finish = nothing;

  /** @param {number} scope the host's name for it */
  constructor(scope) {
    this.scope = scope;
  }
}

function nothing() {}

/** Calls that wait. @type {{ caller: number, begin: () => void }[]} */
const waiting = [];
/** Who wants to know when no section but the first `depth` is open. */
/** @type {{ depth: number, resolve: () => void }[]} */
const idle = [];

/** Keeps `scope.innermost` true; called whenever `scope.sections` has changed. */
function changed() {
  const open = scope.sections;
  scope.innermost = open.length === 0 ? 0 : open[open.length - 1].scope;
}

/**
 * The section that the host opened around on-start.
 * @param {number} of
 * @returns {() => void} what is called when on-start is settled
 */
export function startSection(of) {
  scope.sections = [new Section(of)];
  changed();
  return () => {
    takeAt(scope.sections, 0);
    changed();
    resume();
  };
}

/**
 * Resolves when all sections above the first `depth` are closed; undefined when they are already.
 * @param {number} depth
 * @returns {Promise<void> | undefined}
 */
export function whenIdle(depth) {
  if (scope.sections.length <= depth) return undefined;
  return new OwnPromise((resolve) => {
    idle[idle.length] = { depth, resolve };
  });
}

/**
 * Runs a function while no other event enters the room, and returns what it returns. When it
 * throws, the room is reset.
 * @template T
 * @param {() => T | Promise<T>} callback
 * @returns {Promise<T>}
 */
export function blockConcurrencyWhile(callback) {
  return enter(callback, RESETS_THE_ROOM);
}

/** The same, for the platform's own functions. */
export const block = blockConcurrencyWhile;

/**
 * The same, but what the function writes is kept with what is around it, or forgotten when the
 * function throws.
 * @template T
 * @param {(section: Section) => T | Promise<T>} callback
 * @returns {Promise<T>}
 */
export function write(callback) {
  return enter(callback, IS_ROLLED_BACK);
}

/**
 * @template T
 * @param {(section: Section) => T | Promise<T>} callback
 * @param {number} onThrow
 * @returns {Promise<T>}
 */
function enter(callback, onThrow) {
  const caller = scope.current;
  return new OwnPromise((resolve, reject) => {
    if (typeof callback !== "function") {
      throw new OwnTypeError(
        "Failed to execute 'blockConcurrencyWhile': parameter 1 is not of type 'Function'.",
      );
    }
    const begin = () => {
      try {
        run(callback, onThrow, resolve, reject);
      } catch (error) {
        // The host refused to open the section.
        reject(error);
      }
    };
    if (caller === scope.innermost) begin();
    else waiting[waiting.length] = { caller, begin };
  });
}

/**
 * @template T
 * @param {(section: Section) => T | Promise<T>} callback
 * @param {number} onThrow
 * @param {(value: any) => void} resolve
 * @param {(reason: unknown) => void} reject
 */
function run(callback, onThrow, resolve, reject) {
  const outer = scope.innermost;
  const section = new Section(native.sections.enter(outer, onThrow === IS_ROLLED_BACK));
  scope.sections[scope.sections.length] = section;
  changed();
  // Jobs made from here on belong to the section, code around this call does not.
  microtask(() => {
    scope.current = scope.innermost;
  });
  scope.current = section.scope;
  let result;
  try {
    result = callback(section);
  } catch (error) {
    result = rejectedWith(error);
  }
  scope.current = outer;
  whenOver(section, result, onThrow, resolve, reject);
}

/** @param {unknown} error @returns {Promise<any>} */
async function rejectedWith(error) {
  throw error;
}

/**
 * @param {Section} section @param {any} result @param {number} onThrow
 * @param {(value: any) => void} resolve
 * @param {(reason: unknown) => void} reject
 */
async function whenOver(section, result, onThrow, resolve, reject) {
  try {
    const value = await result;
    section.finish = () => resolve(value);
  } catch (error) {
    if (onThrow === RESETS_THE_ROOM) {
      breakDown(section);
      reject(error);
      return;
    }
    section.ending = ROLLBACK;
    section.finish = () => reject(error);
  }
  section.over = true;
  if (includes(scope.sections, section)) resume();
  else section.finish();
}

/** Closes what is over, innermost first, and lets the next waiting call in. */
function resume() {
  const open = scope.sections;
  for (;;) {
    const top = scope.innermost;
    let next = 0;
    while (next < waiting.length && waiting[next].caller !== top) next++;
    if (next < waiting.length) {
      scope.current = top;
      takeAt(waiting, next).begin();
      return;
    }
    if (open.length === 0) break;
    const section = open[open.length - 1];
    if (!section.over) break;
    native.sections.leave(section.scope, section.ending);
    open.length--;
    changed();
    section.finish();
  }
  scope.current = scope.innermost;
  for (let index = idle.length - 1; index >= 0; index--) {
    if (open.length <= idle[index].depth) takeAt(idle, index).resolve();
  }
}

/**
 * Forgets what a section has written, and ends it while its function goes on: what that starts from
 * now on belongs to the section around it.
 * @param {Section} section
 */
export function endNow(section) {
  const open = scope.sections;
  if (open[open.length - 1] !== section) {
    throw new OwnError("Cannot roll back a transaction while something inside of it is running");
  }
  native.sections.leave(section.scope, ROLLBACK);
  open.length--;
  changed();
  for (let index = 0; index < waiting.length; index++) {
    if (waiting[index].caller === section.scope) waiting[index].caller = scope.innermost;
  }
  scope.current = scope.innermost;
}

/** The room is lost: closes the section and everything inside of it. @param {Section} section */
function breakDown(section) {
  const open = scope.sections;
  while (includes(open, section)) {
    const inner = takeAt(open, open.length - 1);
    native.sections.leave(inner.scope, BROKEN);
  }
  changed();
  scope.current = scope.innermost;
}
