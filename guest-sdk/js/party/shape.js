// What the user's module exports: a class or an object, checked when the code is loaded, and made
// one interface that dispatch.js can call without asking again.

import { inspect } from "../internal/inspect.js";
import { objectWith, OwnError, OwnObject, OwnTypeError } from "../internal/own.js";

const INSTANCE = ["onConnect", "onRequest", "onMessage", "onClose", "onError", "onAlarm"];
const STATIC = ["unstable_onFetch", "onFetch", "onBeforeConnect", "onBeforeRequest"];

/**
 * @typedef {object} Definition
 * @property {boolean} isClass
 * @property {any} target the class or the object
 * @property {string[]} warnings
 * @property {object} [likeness] an instance of nothing, kept for its layout
 */

/**
 * Checks a default export as the reference does.
 * @param {unknown} exported
 * @returns {Definition}
 */
export function definitionOf(exported) {
  if (exported === null || (typeof exported !== "object" && typeof exported !== "function")) {
    throw new OwnTypeError(
      `The default export must be a class or an object with handlers, not ${inspect(exported)}.`,
    );
  }
  const target = /** @type {any} */ (exported);
  for (let index = 0; index < INSTANCE.length; index++) {
    const name = INSTANCE[index];
    if (name in target && typeof target[name] !== "function") {
      throw new OwnError(`.${name} should be a function`);
    }
  }
  const isClass = typeof target === "function" && "prototype" in target &&
    target.prototype instanceof OwnObject;
  return {
    isClass,
    target,
    warnings: isClass ? misplaced(target.prototype) : [],
    // Of the layout that every room's instance begins with: see rehearse.js.
    likeness: isClass ? objectWith(target.prototype) : undefined,
  };
}

/** Static handlers that stand on the instances. @param {any} prototype @returns {string[]} */
function misplaced(prototype) {
  /** @type {string[]} */
  const warnings = [];
  for (let index = 0; index < STATIC.length; index++) {
    const name = STATIC[index];
    if (!(name in prototype)) continue;
    warnings[warnings.length] =
      `.${name} is present on the class instance, but it should be defined as a static method`;
    if (typeof prototype[name] !== "function") throw new OwnError(`.${name} should be a function`);
  }
  return warnings;
}

/**
 * Whether the room's memory may be dropped while its sockets stay. The object form says so by
 * which handlers it has.
 * @param {Definition} definition
 * @param {any} instance
 * @returns {boolean}
 */
export function hibernates({ isClass }, instance) {
  if (isClass) return instance.options?.hibernate === true;
  return "onMessage" in instance || !("onConnect" in instance);
}
