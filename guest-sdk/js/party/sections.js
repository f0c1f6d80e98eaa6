// blockConcurrencyWhile: stretches of work that nothing else may interrupt.
//
// The host opens and closes the sections; here is who waits for whom. A call from inside the
// innermost section opens one inside of it; any other call waits until the section it was made in
// is the innermost again. internal/scope.js says what "inside" means.

import { native } from "../internal/native.js";
import { scope } from "../internal/scope.js";

/** @typedef {{ scope: number, over: boolean, finish: () => void }} Section */

/** Open sections, innermost last. A list of the room's own: see internal/scope.js. */
/** @type {Section[]} */
let open = [];
/** Calls that wait. @type {{ caller: number, begin: () => void }[]} */
const waiting = [];
/** Who wants to know when no section but the first `depth` is open. */
/** @type {{ depth: number, resolve: () => void }[]} */
const idle = [];

const then = Promise.prototype.then;

/** Keeps `scope.innermost` true; called whenever `open` has changed. */
function changed() {
  scope.innermost = open.length === 0 ? 0 : open[open.length - 1].scope;
}

/**
 * The section that the host opened around on-start.
 * @param {number} of
 * @returns {() => void} what is called when on-start is settled
 */
export function startSection(of) {
  open = [{ scope: of, over: false, finish() {} }];
  changed();
  return () => {
    open.shift();
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
  if (open.length <= depth) return undefined;
  return new Promise((resolve) => idle.push({ depth, resolve }));
}

/**
 * Runs a function while no other event enters the room, and returns what it returns. When it
 * throws, the room is reset.
 * @template T
 * @param {() => T | Promise<T>} callback
 * @returns {Promise<T>}
 */
export function blockConcurrencyWhile(callback) {
  const caller = scope.current;
  return new Promise((resolve, reject) => {
    const begin = () => {
      try {
        run(caller, callback, resolve, reject);
      } catch (error) {
        // The host refused to open the section.
        reject(error);
      }
    };
    if (caller === scope.innermost) begin();
    else waiting.push({ caller, begin });
  });
}

/**
 * @template T
 * @param {number} outer
 * @param {() => T | Promise<T>} callback
 * @param {(value: any) => void} resolve
 * @param {(reason: unknown) => void} reject
 */
function run(outer, callback, resolve, reject) {
  /** @type {Section} */
  const section = { scope: native.sections.enter(outer), over: false, finish() {} };
  open.push(section);
  changed();
  // Jobs made from here on belong to the section, code around this call does not.
  queueMicrotask(() => {
    scope.current = scope.innermost;
  });
  scope.current = section.scope;
  let result;
  try {
    result = Promise.resolve(callback());
  } catch (error) {
    result = Promise.reject(error);
  }
  scope.current = outer;
  const ended = (/** @type {any} */ value) => {
    section.over = true;
    section.finish = () => resolve(value);
    resume();
  };
  const broken = (/** @type {unknown} */ error) => {
    breakDown(section);
    reject(error);
  };
  Reflect.apply(then, result, [ended, broken]);
}

/** Closes what is over, innermost first, and lets the next waiting call in. */
function resume() {
  for (;;) {
    const top = scope.innermost;
    const next = waiting.findIndex((call) => call.caller === top);
    if (next >= 0) {
      scope.current = top;
      waiting.splice(next, 1)[0].begin();
      return;
    }
    const section = open[open.length - 1];
    if (section === undefined || !section.over) break;
    native.sections.leave(section.scope, true);
    open.pop();
    changed();
    section.finish();
  }
  scope.current = scope.innermost;
  for (let index = idle.length - 1; index >= 0; index--) {
    if (open.length <= idle[index].depth) idle.splice(index, 1)[0].resolve();
  }
}

/** The room is lost: closes the section and everything inside of it. @param {Section} section */
function breakDown(section) {
  while (open.includes(section)) {
    const inner = /** @type {Section} */ (open.pop());
    native.sections.leave(inner.scope, false);
  }
  changed();
  scope.current = scope.innermost;
}
