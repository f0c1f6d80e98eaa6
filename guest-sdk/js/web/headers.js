// Headers by the Fetch standard. Names are kept in lower case; values are bytes as Latin-1.

import { Table } from "../internal/own.js";
import { asInterface, byteString } from "../internal/webidl.js";

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const BAD_VALUE = /[\0\r\n]/;

/** @typedef {Headers | Iterable<Iterable<string>> | Record<string, string>} HeadersInit */

/** Flat: name, value, name, value; each Set-Cookie by itself. */
/** @type {(headers: Headers) => string[]} */
export let flatHeaders;
/** Sets a header that is not there; name and value are known to be valid. */
/** @type {(headers: Headers, name: string, value: string) => void} */
export let setDefault;
/** Fills headers from the host, which has checked them. */
/** @type {(flat: string[]) => Headers} */
export let headersFrom;

export class Headers {
  static {
    flatHeaders = (headers) => {
      /** @type {string[]} */
      const flat = [];
      headers.#map.forEach((values, name) => {
        const pieces = name === "set-cookie" ? values : [joined(values)];
        for (let index = 0; index < pieces.length; index++) {
          flat[flat.length] = name;
          flat[flat.length] = pieces[index];
        }
      });
      return flat;
    };
    setDefault = (headers, name, value) => {
      if (!headers.#map.has(name)) headers.#map.set(name, [value]);
    };
    headersFrom = (flat) => {
      const headers = new Headers();
      // The host has checked them, and gives names in lower case.
      for (let index = 0; index < flat.length; index += 2) {
        headers.#add(flat[index], flat[index + 1]);
      }
      return headers;
    };
  }

  /** @type {Table<string, string[]>} */
  #map = new Table();

  /** @param {HeadersInit} [init] */
  constructor(init) {
    if (init === undefined) return;
    if (init === null || typeof init !== "object") {
      throw new TypeError("Headers are made from an object, an iterable of pairs, or Headers.");
    }
    if (Symbol.iterator in init) {
      for (const pair of init) {
        const items = [...pair];
        if (items.length !== 2) throw new TypeError("A header must be a name and a value.");
        this.append(items[0], items[1]);
      }
    } else {
      for (const [name, value] of Object.entries(init)) this.append(name, value);
    }
  }

  /** @param {string} name @param {string} value */
  append(name, value) {
    this.#add(checkedName(name), checkedValue(value));
  }

  /** @param {string} name @param {string} value */
  set(name, value) {
    this.#map.set(checkedName(name), [checkedValue(value)]);
  }

  /** @param {string} name */
  get(name) {
    const values = this.#map.get(checkedName(name));
    return values === undefined ? null : joined(values);
  }

  /** @param {string} name */
  has(name) {
    return this.#map.has(checkedName(name));
  }

  /** @param {string} name */
  delete(name) {
    this.#map.delete(checkedName(name));
  }

  getSetCookie() {
    return [...(this.#map.get("set-cookie") ?? [])];
  }

  /** Cloudflare's older way to read cookies. @param {string} name */
  getAll(name) {
    if (checkedName(name) !== "set-cookie") {
      throw new TypeError('getAll() can only be used with the header name "Set-Cookie".');
    }
    return this.getSetCookie();
  }

  /** @param {(value: string, name: string, headers: Headers) => void} callback @param {unknown} [self] */
  forEach(callback, self) {
    for (const [name, value] of this) Reflect.apply(callback, self, [value, name, this]);
  }

  *keys() {
    for (const [name] of this) yield name;
  }

  *values() {
    for (const [, value] of this) yield value;
  }

  /** Sorted by name; each Set-Cookie by itself. @returns {Generator<[string, string], void>} */
  *entries() {
    for (const name of [...this.#map.keys()].sort()) {
      const values = this.#map.get(name) ?? [];
      if (name === "set-cookie") for (const value of values) yield [name, value];
      else yield [name, joined(values)];
    }
  }

  /** @param {string} name @param {string} value */
  #add(name, value) {
    const values = this.#map.get(name);
    if (values === undefined) this.#map.set(name, [value]);
    else values[values.length] = value;
  }

  [Symbol.iterator]() { return this.entries(); }
}

/** @param {string[]} values */
function joined(values) {
  let text = values[0];
  for (let index = 1; index < values.length; index++) text += `, ${values[index]}`;
  return text;
}

/** @param {unknown} name */
function checkedName(name) {
  const text = byteString(name);
  if (!NAME.test(text)) throw new TypeError(`Invalid header name: ${JSON.stringify(text)}.`);
  return text.toLowerCase();
}

/** @param {unknown} value */
function checkedValue(value) {
  const text = byteString(value).replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, "");
  if (BAD_VALUE.test(text)) throw new TypeError("Invalid header value: it has a line break.");
  return text;
}

asInterface(
  Headers, "append", "delete", "get", "has", "set", "getSetCookie", "forEach", "keys", "values",
  "entries",
);
