// `room.storage`: PartyKit's key-value storage over the contract's synchronous one.
//
// Every call returns a promise, and every mistake in its arguments is a rejection. Reads happen at
// the call, writes go into the batch of the turn. Transactions and alarms are not there yet.

import { native } from "../internal/native.js";
import { isArray } from "../internal/own.js";

const KEYS_MAX = 128;
const { get, put, list } = native.storage;
const remove = native.storage.delete;

const PUT_USAGE =
  "put() may only be called with a single key-value pair and optional options as put(key, value, " +
  "options) or with multiple key-value pairs and optional options as put(entries, options)";

/** @typedef {{ start?: string, startAfter?: string, end?: string, prefix?: string,
 *   reverse?: boolean, limit?: number }} ListOptions */

export class Storage {
  /**
   * One value, or a Map of those that exist, in the order of their keys.
   * @param {string | string[]} key
   */
  async get(key) {
    if (!isArray(key)) return get(`${key}`);
    const keys = key.map(String);
    checkCount(keys.length);
    /** @type {Map<string, unknown>} */
    const found = new Map();
    for (const name of byUtf8(new Set(keys))) {
      const value = get(name);
      if (value !== undefined) found.set(name, value);
    }
    return found;
  }

  /**
   * @param {string | Record<string, unknown>} key a key, or an object of keys and values
   * @param {unknown} [value]
   * @param {object} [_options] accepted and without effect: turns are stricter than any of them
   */
  async put(key, value, _options) {
    if (key !== null && typeof key === "object") {
      const options = value;
      const valid = options === undefined || (typeof options === "object" && options !== null);
      if (!valid || arguments.length > 2) throw new TypeError(PUT_USAGE);
      const pairs = Object.entries(key).filter(([, value]) => value !== undefined);
      put(pairs.flat(1));
      return;
    }
    if (value === undefined) throw new TypeError("put() called with undefined value.");
    put([`${key}`, value]);
  }

  /**
   * Whether there was a value; for an array of keys, how many there were.
   * @param {string | string[]} key
   * @returns {Promise<boolean | number>}
   */
  async delete(key) {
    if (!isArray(key)) return remove(`${key}`);
    return key.map(String).filter((name) => remove(name)).length;
  }

  /**
   * Entries in the order of their keys' UTF-8 bytes.
   * @param {ListOptions} [options]
   * @returns {Promise<Map<string, unknown>>}
   */
  async list(options) {
    const { start, startAfter, end, prefix, reverse, limit } = options ?? {};
    if (start !== undefined && startAfter !== undefined) {
      throw new TypeError("list() cannot be called with both start and startAfter values.");
    }
    let count;
    if (limit !== undefined) {
      count = Math.trunc(Number(limit)) || 0;
      if (count <= 0) throw new TypeError("List limit must be positive.");
    }
    // The first key after another is that key with a zero behind it.
    const from = startAfter !== undefined ? `${startAfter}\0` : text(start);
    const flat = list(from, text(end), text(prefix), Boolean(reverse), count);
    /** @type {Map<string, unknown>} */
    const found = new Map();
    for (let index = 0; index < flat.length; index += 2) {
      found.set(/** @type {string} */ (flat[index]), flat[index + 1]);
    }
    return found;
  }
}

/** @param {unknown} value @returns {string | undefined} */
function text(value) {
  return value === undefined ? undefined : `${value}`;
}

/** @param {number} count */
function checkCount(count) {
  if (count > KEYS_MAX) {
    throw new RangeError(
      `Maximum number of key value pairs is ${KEYS_MAX}. ${count} pairs were provided.`,
    );
  }
}

/**
 * Sorted as the store sorts keys: UTF-8 bytes order like code points, which UTF-16 does not.
 * @param {Iterable<string>} keys
 */
function byUtf8(keys) {
  return [...keys].sort((a, b) => {
    const [left, right] = [[...a], [...b]];
    for (let index = 0; index < left.length && index < right.length; index++) {
      const [one, other] = [left[index].codePointAt(0) ?? 0, right[index].codePointAt(0) ?? 0];
      if (one !== other) return one - other;
    }
    return left.length - right.length;
  });
}
