// Response by the Fetch standard.

import { includes, toNumber, trunc } from "../internal/own.js";
import { asInterface } from "../internal/webidl.js";
import { Body, cloneSource, extract, sendable, takeSource } from "./body.js";
import { flatHeaders, Headers, setDefault } from "./headers.js";
import { URL } from "./url.js";

const BODILESS = [101, 204, 205, 304];
const REDIRECTS = [301, 302, 303, 307, 308];

/** @typedef {{ status?: number, statusText?: string, headers?: import("./headers.js").HeadersInit }} ResponseInit */

/** @type {() => Response} */
let networkError;

export class Response extends Body {
  static {
    networkError = () => {
      const response = new Response(null);
      response.#type = "error";
      response.#status = 0;
      return response;
    };
  }

  /** @type {number} */
  #status;
  /** @type {string} */
  #statusText;
  /** @type {Headers} */
  #headers;
  #type = "default";

  /** @param {import("./body.js").BodyInit} [body] @param {ResponseInit | Response} [init] */
  constructor(body, init) {
    const { status, statusText, headers } = /** @type {ResponseInit} */ (init ?? {});
    const code = status === undefined ? 200 : trunc(toNumber(status));
    if (!(code >= 200 && code <= 599)) {
      throw new RangeError(
        "Responses may only be constructed with status codes in the range 200 to 599, inclusive.",
      );
    }
    const { source, type } = extract(body);
    if (source !== null && includes(BODILESS, code)) {
      throw new TypeError(
        "Response with null body status (101, 204, 205, or 304) cannot have a body.",
      );
    }
    super(source);
    this.#status = code;
    this.#statusText = statusText === undefined ? "" : `${statusText}`;
    this.#headers = new Headers(headers);
    if (type !== undefined) setDefault(this.#headers, "content-type", type);
  }

  /** @param {unknown} value @param {ResponseInit} [init] */
  static json(value, init) {
    const text = JSON.stringify(value);
    if (text === undefined) throw new TypeError("The value cannot be written as JSON.");
    const headers = new Headers(init?.headers);
    setDefault(headers, "content-type", "application/json");
    return new Response(text, { status: init?.status, statusText: init?.statusText, headers });
  }

  /** @param {string | URL} url @param {number} [status] */
  static redirect(url, status = 302) {
    const location = new URL(url).href;
    if (!REDIRECTS.includes(Number(status))) {
      throw new RangeError(`${status} is not a redirect status code.`);
    }
    return new Response(null, { status, headers: { location } });
  }

  static error() {
    return networkError();
  }

  get status() { return this.#status; }
  get statusText() { return this.#statusText; }
  get headers() { return this.#headers; }
  get ok() { return this.#status >= 200 && this.#status <= 299; }
  get type() { return this.#type; }
  get url() { return ""; }
  get redirected() { return false; }

  clone() {
    const { status, statusText } = this;
    const source = /** @type {any} */ (cloneSource(this));
    return new Response(source, { status, statusText, headers: this.#headers });
  }
}

asInterface(Response, "status", "statusText", "headers", "ok", "type", "url", "redirected", "clone");

/**
 * A response as the host takes it: all of its body, a stream of it, or neither. It is used up.
 * @param {Response} response
 */
export function outgoing(response) {
  if (response.type === "error") throw new TypeError("Response.error() cannot be sent to a client.");
  const body = sendable(takeSource(response));
  return { status: response.status, headers: flatHeaders(response.headers), ...body };
}
