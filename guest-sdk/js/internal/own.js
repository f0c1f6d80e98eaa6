// What the language has built in, as it was before any code of a room ran.
//
// A room may replace or delete all of it: a polyfill that is too sure of itself does. What the
// platform keeps count of (events, connections, timers) must not depend on it, so the modules on
// the way of an event take their built-ins from here. They walk lists by index and wait with
// `await`: `for` over a list, spreading or destructuring one, and `then` ask prototypes that belong
// to the room.

export const OwnArrayBuffer = ArrayBuffer;
export const OwnError = Error;
export const OwnObject = Object;
export const OwnPromise = Promise;
export const OwnTypeError = TypeError;
export const { apply } = Reflect;
export const { create: objectWith } = Object;
export const { isArray } = Array;
export const { max, min, trunc } = Math;
export const { queueMicrotask: microtask } = globalThis;
export const toNumber = Number;

const { charCodeAt, slice, toWellFormed } = String.prototype;
const { forEach } = Map.prototype;
const byteLength = /** @type {() => number} */ (
  Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, "byteLength")?.get
);

/**
 * Gives the instances of a class all that its parent's have, and cuts them off from the parent.
 * @param {Function} own @param {Function} parent
 */
function keep(own, parent) {
  const properties = /** @type {any} */ (Object.getOwnPropertyDescriptors(parent.prototype));
  for (const key of Reflect.ownKeys(properties)) {
    if (key !== "constructor") Object.defineProperty(own.prototype, key, properties[key]);
  }
}

/**
 * A Map whose methods nobody can replace. Its iterators are not: use `list`.
 * @template K, V
 * @extends {Map<K, V>}
 */
export class Table extends Map {
  /** Its values, in the order of insertion. @returns {V[]} */
  list() {
    /** @type {V[]} */
    const values = [];
    apply(forEach, this, [(/** @type {V} */ value) => { values[values.length] = value; }]);
    return values;
  }
}
keep(Table, Map);

/**
 * A WeakRef whose method nobody can replace.
 * @template {WeakKey} T
 * @extends {WeakRef<T>}
 */
export class Weak extends WeakRef {}
keep(Weak, WeakRef);

/**
 * Removes one element and returns it.
 * @template T
 * @param {T[]} list @param {number} index
 * @returns {T}
 */
export function takeAt(list, index) {
  const taken = list[index];
  for (let next = index + 1; next < list.length; next++) list[next - 1] = list[next];
  list.length--;
  return taken;
}

/**
 * Whether a list has a value in it.
 * @template T
 * @param {ArrayLike<T>} list @param {T} wanted
 */
export function includes(list, wanted) {
  for (let index = 0; index < list.length; index++) if (list[index] === wanted) return true;
  return false;
}

/** @param {ArrayBuffer} buffer @returns {number} */
export function byteLengthOf(buffer) {
  return apply(byteLength, buffer, []);
}

/** @param {string} text @param {number} start @param {number} [end] @returns {string} */
export function sliceOf(text, start, end) {
  return apply(slice, text, [start, end]);
}

/** @param {string} text @returns {number} NaN for an empty text */
export function firstUnit(text) {
  return apply(charCodeAt, text, [0]);
}

/** Without lone surrogates. @param {string} text @returns {string} */
export function wellFormed(text) {
  return apply(toWellFormed, text, []);
}
