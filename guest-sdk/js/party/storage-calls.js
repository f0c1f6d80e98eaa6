// What calls of the storage mean, whether they are made on the room's storage or within a
// transaction: which arguments there may be, in PartyKit's words, and what they do.
//
// Each function takes the arguments as they came, because PartyKit tells none from undefined.

import { native } from "../internal/native.js";
import { apply, isArray, OwnTypeError, trunc } from "../internal/own.js";

/** @typedef {ArrayLike<unknown>} Arguments */

const KEYS_MAX = 128;
const INT_MIN = -(2 ** 31);
const INT_MAX = 2 ** 31 - 1;
/** As many milliseconds as there are nanoseconds in 64 bits: what PartyKit counts dates in. */
const DATE_MAX = 9_223_372_036_854;
const { find, get, list, put } = native.storage;
const remove = native.storage.delete;
const { getTime } = Date.prototype;
const { get: getAlarm, set: setAlarm } = native.alarms;

const PUT_USAGE =
  "put() may only be called with a single key-value pair and optional options as put(key, value, " +
  "options) or with multiple key-value pairs and optional options as put(entries, options)";

/** The calls of one class of objects. */
export class Calls {
  /** @param {string} type what error texts call the class */
  constructor(type) {
    this.type = type;
  }

  /** @param {Arguments} args @returns {() => unknown} */
  get(args) {
    if (args.length === 0) throw this.#mismatch("get", 1, "string or Array");
    const keys = namesOf(args[0]);
    this.#options("get", args, 1, "GetOptions");
    if (typeof keys === "string") return () => get(keys);
    if (keys.length > KEYS_MAX) {
      throw new RangeError(
        `Maximum number of key value pairs is ${KEYS_MAX}. ${keys.length} pairs were provided.`,
      );
    }
    return () => mapOf(find(keys));
  }

  /** @param {Arguments} args */
  put(args) {
    if (args.length === 0) throw this.#mismatch("put", 1, "string or object");
    const key = args[0];
    const value = args[1];
    this.#options("put", args, 2, "PutOptions");
    if (!isArray(key) && isObject(key)) {
      if (!isOptions(value)) throw new OwnTypeError(PUT_USAGE);
      const flat = pairsOf(/** @type {Record<string, unknown>} */ (key));
      return () => put(flat);
    }
    const name = textOf(key);
    if (value === undefined) throw new OwnTypeError("put() called with undefined value.");
    return () => put([name, value]);
  }

  /** @param {Arguments} args @returns {() => boolean | number} */
  delete(args) {
    if (args.length === 0) throw this.#mismatch("delete", 1, "string or Array");
    const keys = namesOf(args[0]);
    this.#options("delete", args, 1, "PutOptions");
    return typeof keys === "string" ? () => remove([keys]) === 1 : () => remove(keys);
  }

  /** @param {Arguments} args @returns {() => Map<string, unknown>} */
  list(args) {
    this.#options("list", args, 0, "ListOptions");
    const options = /** @type {Record<string, unknown>} */ (args[0] ?? {});
    const end = maybeText(options.end);
    const count = limitOf(options.limit);
    const prefix = maybeText(options.prefix);
    const reverse = Boolean(options.reverse);
    const start = maybeText(options.start);
    const startAfter = maybeText(options.startAfter);
    if (start !== undefined && startAfter !== undefined) {
      throw new OwnTypeError("list() cannot be called with both start and startAfter values.");
    }
    if (count !== undefined && count <= 0) {
      throw new OwnTypeError("List limit must be positive.");
    }
    // The first key after another is that key with a zero behind it.
    const from = startAfter !== undefined ? `${startAfter}\0` : start;
    return () => mapOf(list(from, end, prefix, reverse, count));
  }

  /** @param {Arguments} args @returns {() => void} */
  deleteAll(args) {
    this.#options("deleteAll", args, 0, "PutOptions");
    return native.storage.deleteAll;
  }

  /** @param {Arguments} args @returns {() => number | null} */
  getAlarm(args) {
    this.#options("getAlarm", args, 0, "GetAlarmOptions");
    return () => {
      const at = getAlarm();
      return at < 0 ? null : at;
    };
  }

  /** @param {Arguments} args */
  setAlarm(args) {
    const at = this.#moment(args[0]);
    this.#options("setAlarm", args, 1, "SetAlarmOptions");
    if (at <= 0) {
      throw new OwnTypeError("setAlarm() cannot be called with an alarm time <= 0");
    }
    return () => setAlarm(at);
  }

  /** @param {Arguments} args @returns {() => void} */
  deleteAlarm(args) {
    this.#options("deleteAlarm", args, 0, "SetAlarmOptions");
    return native.alarms.delete;
  }

  /**
   * @param {Arguments} args
   * @returns {(transaction: any) => unknown} what is run in the transaction
   */
  transaction(args) {
    if (typeof args[0] !== "function") throw this.#mismatch("transaction", 1, "function");
    this.#options("transaction", args, 1, "TransactionOptions");
    return /** @type {any} */ (args[0]);
  }

  /** Whole milliseconds since 1970. @param {unknown} value */
  #moment(value) {
    const time = typeof value === "number" ? value : timeOf(value);
    if (time === undefined) throw this.#mismatch("setAlarm", 1, "date");
    if (!(time > -Infinity && time < Infinity)) {
      throw new OwnTypeError("The value cannot be converted because it is not a valid Date.");
    }
    if (time > DATE_MAX) throw new OwnTypeError("This API doesn't support dates after 2189.");
    if (time < -DATE_MAX) throw new OwnTypeError("This API doesn't support dates before 1687.");
    return trunc(time);
  }

  /** @param {string} method @param {Arguments} args @param {number} index @param {string} name */
  #options(method, args, index, name) {
    if (!isOptions(args[index])) throw this.#mismatch(method, index + 1, name);
  }

  /** @param {string} method @param {number} position @param {string} expected */
  #mismatch(method, position, expected) {
    const text = `parameter ${position} is not of type '${expected}'.`;
    return new OwnTypeError(`Failed to execute '${method}' on '${this.type}': ${text}`);
  }
}

/** @param {unknown} value */
function isObject(value) {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

/** @param {unknown} value */
function isOptions(value) {
  return value === undefined || value === null || isObject(value);
}

/** What Date.prototype.getTime says, if it is a date. @param {unknown} value */
function timeOf(value) {
  try {
    return apply(getTime, value, []);
  } catch {
    return undefined;
  }
}

/** @param {unknown} value @returns {string} */
function textOf(value) {
  if (typeof value === "symbol") {
    throw new OwnTypeError("Cannot convert a Symbol value to a string");
  }
  return `${value}`;
}

/** @param {unknown} value */
function maybeText(value) {
  return value === undefined ? undefined : textOf(value);
}

/** One key, or several. @param {unknown} value */
function namesOf(value) {
  if (!isArray(value)) return textOf(value);
  /** @type {string[]} */
  const names = [];
  for (let index = 0; index < value.length; index++) names[index] = textOf(value[index]);
  return names;
}

/** @param {Record<string, unknown>} entries @returns {any[]} flat: key, value, key, value */
function pairsOf(entries) {
  const flat = [];
  const keys = Object.keys(entries);
  for (let index = 0; index < keys.length; index++) {
    const value = entries[keys[index]];
    if (value === undefined) continue;
    flat[flat.length] = keys[index];
    flat[flat.length] = value;
  }
  return flat;
}

/** @param {unknown} value */
function limitOf(value) {
  if (value === undefined) return undefined;
  const number = trunc(Number(value));
  if (!(number > -Infinity && number < Infinity)) return 0;
  if (number < INT_MIN || number > INT_MAX) {
    throw new OwnTypeError(
      `Value out of range. Must be between ${INT_MIN} and ${INT_MAX} (inclusive).`,
    );
  }
  return number;
}

/** @param {unknown[]} flat @returns {Map<string, unknown>} */
function mapOf(flat) {
  /** @type {Map<string, unknown>} */
  const map = new Map();
  for (let index = 0; index < flat.length; index += 2) {
    map.set(/** @type {string} */ (flat[index]), flat[index + 1]);
  }
  return map;
}

/**
 * A promise that nobody's replaced Promise has made.
 * @template T
 * @param {T} value
 */
export async function later(value) {
  return value;
}
