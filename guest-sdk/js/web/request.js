// Request by the Fetch standard, as far as a room needs one: what arrives, and what a handler makes
// from it.

import { native } from "../internal/native.js";
import { asInterface, byteString } from "../internal/webidl.js";
import { AbortSignal, abort, neverAborted } from "./abort.js";
import { Pieces } from "./bodies.js";
import { Body, cloneSource, extract, takeSource } from "./body.js";
import { Headers, headersFrom, setDefault } from "./headers.js";
import { URL } from "./url.js";

/** @type {string[]} */
const NONE = [];
const NORMALIZED = ["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"];
const FORBIDDEN = ["CONNECT", "TRACE", "TRACK"];
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/**
 * @typedef {object} RequestInit
 * @property {string} [method]
 * @property {import("./headers.js").HeadersInit} [headers]
 * @property {import("./body.js").BodyInit} [body]
 * @property {string} [redirect]
 * @property {import("./abort.js").AbortSignal | null} [signal]
 * @property {object} [cf]
 */

/** Its client has gone. @type {(request: Request, reason: unknown) => void} */
export let abortRequest;

/**
 * A request that the host delivered, which has checked what a constructor would. Its headers are
 * only read when somebody asks for them.
 * @type {(method: string, url: string, headers: string[], source: Source, cf: object) => Request}
 */
let delivered;

/** Tells the constructor to check nothing. */
const DELIVERED = Symbol("delivered");

/** @typedef {import("./body.js").Source} Source */

export class Request extends Body {
  static {
    abortRequest = (request, reason) => {
      if (request.#signal === undefined) request.#signal = AbortSignal.abort(reason);
      else abort(request.#signal, reason);
    };
    delivered = (method, url, headers, source, cf) => {
      const request = new Request(/** @type {any} */ (DELIVERED), /** @type {any} */ (source));
      request.#method = method;
      request.#url = url;
      request.#arrived = headers;
      request.#cf = cf;
      return request;
    };
  }

  #url = "";
  #method = "GET";
  /** @type {Headers | undefined} */
  #headers;
  /** What the headers are made of when they are asked for. @type {string[]} */
  #arrived = NONE;
  #redirect = "follow";
  /** Made when somebody asks for it. @type {AbortSignal | undefined} */
  #signal;
  /** @type {object | undefined} */
  #cf;

  /** @param {string | URL | Request} input @param {RequestInit} [init] */
  constructor(input, init = {}) {
    if (/** @type {any} */ (input) === DELIVERED) {
      super(/** @type {any} */ (init));
      return;
    }
    /** @type {Request | undefined} */
    const from = input instanceof Request ? input : undefined;
    const method = checkedMethod(init.method ?? from?.method ?? "GET");
    const given = init.body ?? null;
    if (given !== null && (method === "GET" || method === "HEAD")) {
      throw new TypeError(`Request with a ${method} method cannot have a body.`);
    }
    /** @type {string} */
    const url = from === undefined ? new URL(/** @type {string} */ (input)).href : from.url;
    const { source, type } = given === null && from !== undefined
      ? { source: takeSource(from), type: undefined }
      : extract(given);
    super(source);
    this.#url = url;
    this.#method = method;
    this.#headers = new Headers(init.headers ?? from?.headers);
    if (type !== undefined) setDefault(this.#headers, "content-type", type);
    this.#redirect = init.redirect ?? from?.redirect ?? "follow";
    this.#signal = init.signal ?? from?.signal;
    this.#cf = init.cf ?? from?.cf;
  }

  get url() { return this.#url; }
  get method() { return this.#method; }
  get headers() { return this.#headers ??= headersFrom(this.#arrived); }
  get redirect() { return this.#redirect; }
  get signal() { return this.#signal ??= neverAborted(); }
  get cf() { return this.#cf; }

  clone() {
    const copy = new Request(this.#url, {
      method: this.#method,
      headers: this.headers,
      redirect: this.#redirect,
      signal: this.signal,
      cf: this.#cf,
    });
    return withSource(copy, cloneSource(this));
  }
}

asInterface(Request, "url", "method", "headers", "redirect", "signal", "clone");

/**
 * The same request with another body; GET requests may have none by construction.
 * @param {Request} request
 * @param {import("./body.js").Source} source
 */
function withSource(request, source) {
  if (source === null) return request;
  const { method, headers, redirect, signal, cf } = request;
  const body = /** @type {any} */ (source);
  return new Request(request.url, { method, headers, redirect, signal, cf, body });
}

/** @param {unknown} method */
function checkedMethod(method) {
  const text = byteString(method);
  const upper = text.toUpperCase();
  if (!TOKEN.test(text) || FORBIDDEN.includes(upper)) {
    throw new TypeError(`Invalid HTTP method string: ${text}`);
  }
  return NORMALIZED.includes(upper) ? upper : text;
}

/**
 * A request that the host delivered.
 * @param {string} method @param {string} url @param {string[]} headers flat
 * @param {ArrayBuffer} [whole] @param {number} [pieces] the host's body
 */
export function incomingRequest(method, url, headers, whole, pieces) {
  if (method === "GET" || method === "HEAD") {
    // Its body can never be asked for.
    if (pieces !== undefined) native.bodies.cancel(pieces);
    return delivered(method, url, headers, null, {});
  }
  const source = pieces === undefined ? whole ?? null : new Pieces(pieces);
  return delivered(method, url, headers, source, {});
}
