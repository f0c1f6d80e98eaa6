// What Request and Response have in common: a body of bytes or text that is read once.
//
// Bodies are whole: streams, blobs and forms are not there yet.

import { copyOf, windowOf } from "../internal/bytes.js";
import { native } from "../internal/native.js";
import { asInterface } from "../internal/webidl.js";
import { URLSearchParams } from "./url.js";

/** @typedef {string | ArrayBuffer | ArrayBufferView | URLSearchParams | null | undefined} BodyInit */
/** @typedef {string | ArrayBuffer | null} Source what a body consists of; null: there is none */

const NONE = new ArrayBuffer(0);

/** The source, and marks the body as used. */
/** @type {(body: Body) => Source} */
export let takeSource;
/** @type {(body: Body) => Source} */
export let cloneSource;

export class Body {
  static {
    takeSource = (body) => body.#take();
    cloneSource = (body) => {
      if (body.#used) throw new TypeError("The body has already been used: it cannot be cloned.");
      return body.#source;
    };
  }

  #used = false;
  /** @type {Source} */
  #source;

  /** @param {Source} source */
  constructor(source) {
    this.#source = source;
  }

  get bodyUsed() { return this.#used; }

  /** @returns {Promise<string>} */
  async text() {
    const source = this.#take() ?? "";
    if (typeof source === "string") return source.toWellFormed();
    const [text] = native.encoding.decodeUtf8(source, 0, source.byteLength, false, false);
    return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  }

  /** @returns {Promise<any>} */
  async json() {
    return JSON.parse(await this.text());
  }

  /** @returns {Promise<ArrayBuffer>} */
  async arrayBuffer() {
    const source = this.#take() ?? NONE;
    return typeof source === "string" ? native.encoding.encode(source) : source.slice(0);
  }

  /** @returns {Promise<Uint8Array<ArrayBuffer>>} */
  async bytes() {
    return new Uint8Array(await this.arrayBuffer());
  }

  #take() {
    if (this.#used) {
      throw new TypeError(
        "Body has already been used. It can only be used once. Use clone() first if you need to " +
          "read it twice.",
      );
    }
    this.#used = this.#source !== null;
    return this.#source;
  }
}

asInterface(Body, "bodyUsed", "text", "json", "arrayBuffer", "bytes");

/**
 * What a body is made of, and the content type that follows from it.
 * @param {unknown} init
 * @returns {{ source: Source, type: string | undefined }}
 */
export function extract(init) {
  if (init === null || init === undefined) return { source: null, type: undefined };
  if (init instanceof URLSearchParams) {
    return {
      source: init.toString(),
      type: "application/x-www-form-urlencoded;charset=UTF-8",
    };
  }
  const window = windowOf(init);
  if (window !== undefined) return { source: copyOf(window), type: undefined };
  return { source: `${init}`, type: "text/plain;charset=UTF-8" };
}
