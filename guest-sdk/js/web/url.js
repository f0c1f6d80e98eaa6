// URL and URLSearchParams by the WHATWG standard; parsing and writing are done in Rust.

import { native } from "../internal/native.js";
import { asInterface, usvString } from "../internal/webidl.js";

const { parse, set, parseQuery, writeQuery } = native.url;
const [HREF, PROTOCOL, USERNAME, PASSWORD, HOST, HOSTNAME, PORT, PATHNAME, SEARCH, HASH, ORIGIN] =
  Array(11).keys();

/** Who is to be told when the parameters change. */
/** @type {(params: URLSearchParams, url: URL) => void} */
let attach;
/** @type {(params: URLSearchParams, query: string) => void} */
let refill;
/** @type {(url: URL, query: string) => void} */
let setQuery;

export class URL {
  static {
    setQuery = (url, query) => url.#set("search", query);
  }

  /** @type {string[]} */
  #parts;
  /** @type {URLSearchParams | undefined} */
  #params;

  /** @param {string | URL} url @param {string | URL} [base] */
  constructor(url, base) {
    if (arguments.length === 0) throw new TypeError("A URL needs at least one argument.");
    const parts = parse(usvString(url), base === undefined ? undefined : usvString(base));
    if (parts === undefined) throw new TypeError("Invalid URL string.");
    this.#parts = parts;
  }

  /** @param {string | URL} url @param {string | URL} [base] */
  static canParse(url, base) {
    return parse(usvString(url), base === undefined ? undefined : usvString(base)) !== undefined;
  }

  /** @param {string | URL} url @param {string | URL} [base] */
  static parse(url, base) {
    return URL.canParse(url, base) ? new URL(url, base) : null;
  }

  get href() { return this.#parts[HREF]; }
  set href(value) {
    const parts = parse(usvString(value), undefined);
    if (parts === undefined) throw new TypeError("Invalid URL string.");
    this.#parts = parts;
    this.#refill();
  }
  get origin() { return this.#parts[ORIGIN]; }
  get protocol() { return this.#parts[PROTOCOL]; }
  set protocol(value) { this.#set("protocol", value); }
  get username() { return this.#parts[USERNAME]; }
  set username(value) { this.#set("username", value); }
  get password() { return this.#parts[PASSWORD]; }
  set password(value) { this.#set("password", value); }
  get host() { return this.#parts[HOST]; }
  set host(value) { this.#set("host", value); }
  get hostname() { return this.#parts[HOSTNAME]; }
  set hostname(value) { this.#set("hostname", value); }
  get port() { return this.#parts[PORT]; }
  set port(value) { this.#set("port", value); }
  get pathname() { return this.#parts[PATHNAME]; }
  set pathname(value) { this.#set("pathname", value); }
  get search() { return this.#parts[SEARCH]; }
  set search(value) {
    this.#set("search", value);
    this.#refill();
  }
  get hash() { return this.#parts[HASH]; }
  set hash(value) { this.#set("hash", value); }

  get searchParams() {
    if (this.#params === undefined) {
      this.#params = new URLSearchParams(this.search);
      attach(this.#params, this);
    }
    return this.#params;
  }

  toString() { return this.href; }
  toJSON() { return this.href; }

  /** @param {string} part @param {unknown} value */
  #set(part, value) {
    this.#parts = set(this.href, part, usvString(value)) ?? this.#parts;
  }

  #refill() {
    if (this.#params !== undefined) refill(this.#params, this.search);
  }
}

export class URLSearchParams {
  static {
    attach = (params, url) => {
      params.#url = url;
    };
    refill = (params, query) => {
      params.#pairs = pairsOf(query);
    };
  }

  /** @type {[string, string][]} */
  #pairs = [];
  /** @type {URL | undefined} */
  #url;

  /** @param {string | Iterable<[string, string]> | Record<string, string>} [init] */
  constructor(init = "") {
    if (typeof init === "object" && init !== null) {
      this.#pairs = Symbol.iterator in init ? sequence(init) : record(init);
    } else {
      refill(this, usvString(init));
    }
  }

  get size() { return this.#pairs.length; }

  /** @param {string} name @param {string} value */
  append(name, value) {
    this.#pairs.push([usvString(name), usvString(value)]);
    this.#changed();
  }

  /** @param {string} name @param {string} [value] */
  delete(name, value) {
    const [key, wanted] = [usvString(name), value === undefined ? undefined : usvString(value)];
    this.#pairs = this.#pairs.filter(
      ([known, held]) => known !== key || (wanted !== undefined && held !== wanted),
    );
    this.#changed();
  }

  /** @param {string} name */
  get(name) {
    const key = usvString(name);
    return this.#pairs.find(([known]) => known === key)?.[1] ?? null;
  }

  /** @param {string} name */
  getAll(name) {
    const key = usvString(name);
    return this.#pairs.filter(([known]) => known === key).map(([, value]) => value);
  }

  /** @param {string} name @param {string} [value] */
  has(name, value) {
    const [key, wanted] = [usvString(name), value === undefined ? undefined : usvString(value)];
    return this.#pairs.some(
      ([known, held]) => known === key && (wanted === undefined || held === wanted),
    );
  }

  /** @param {string} name @param {string} value */
  set(name, value) {
    const key = usvString(name);
    const first = this.#pairs.findIndex(([known]) => known === key);
    if (first < 0) {
      this.append(key, value);
      return;
    }
    this.#pairs[first][1] = usvString(value);
    this.#pairs = this.#pairs.filter(([known], index) => known !== key || index === first);
    this.#changed();
  }

  sort() {
    // By UTF-16 code units, as `<` compares; stable.
    this.#pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    this.#changed();
  }

  /** @param {(value: string, name: string, params: URLSearchParams) => void} callback @param {unknown} [self] */
  forEach(callback, self) {
    for (const [name, value] of this) Reflect.apply(callback, self, [value, name, this]);
  }

  *keys() {
    for (const [name] of this) yield name;
  }

  *values() {
    for (const [, value] of this) yield value;
  }

  /** @returns {Generator<[string, string], void>} */
  *entries() {
    for (let index = 0; index < this.#pairs.length; index++) {
      yield [this.#pairs[index][0], this.#pairs[index][1]];
    }
  }

  toString() { return writeQuery(this.#pairs.flat()); }

  #changed() {
    if (this.#url !== undefined) setQuery(this.#url, this.toString());
  }

  [Symbol.iterator]() { return this.entries(); }
}

/** @param {string} query @returns {[string, string][]} */
function pairsOf(query) {
  const flat = parseQuery(query.startsWith("?") ? query.slice(1) : query);
  /** @type {[string, string][]} */
  const pairs = [];
  for (let index = 0; index < flat.length; index += 2) pairs.push([flat[index], flat[index + 1]]);
  return pairs;
}

/** @param {Iterable<any>} init @returns {[string, string][]} */
function sequence(init) {
  return [...init].map((pair) => {
    const items = [...pair];
    if (items.length !== 2) {
      throw new TypeError("Each pair of URLSearchParams must have exactly a name and a value.");
    }
    return [usvString(items[0]), usvString(items[1])];
  });
}

/** @param {Record<string, unknown>} init @returns {[string, string][]} */
function record(init) {
  const pairs = Object.entries(init).map(([name, value]) => [usvString(name), usvString(value)]);
  // Names that only a lone surrogate told apart become one.
  return /** @type {[string, string][]} */ ([...new Map(/** @type {any} */ (pairs))]);
}

asInterface(
  URL, "href", "origin", "protocol", "username", "password", "host", "hostname", "port",
  "pathname", "search", "searchParams", "hash", "toString", "toJSON",
);
asInterface(
  URLSearchParams, "size", "append", "delete", "get", "getAll", "has", "set", "sort", "forEach",
  "keys", "values", "entries", "toString",
);
