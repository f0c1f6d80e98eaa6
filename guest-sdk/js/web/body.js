// What Request and Response have in common: a body of bytes or text that is read once, as a whole
// or through a stream.
//
// A body that is whole stays so until somebody asks for its stream. Blobs and forms are not there
// yet.

import { copyOf, windowOf } from "../internal/bytes.js";
import { native } from "../internal/native.js";
import {
  byteLengthOf, firstUnit, OwnArrayBuffer, OwnPromise, OwnTypeError, sliceOf, wellFormed,
} from "../internal/own.js";
import { asInterface } from "../internal/webidl.js";
import { coreOfPieces, Pieces } from "./bodies.js";
import { Core, teeCore } from "./stream-core.js";
import { coreOf, lockFor, ReadableStream, streamOf, takeOver, usedUp } from "./streams.js";
import { URLSearchParams } from "./url.js";

/** @typedef {string | ArrayBuffer | ArrayBufferView | URLSearchParams | ReadableStream} Given */
/** @typedef {Given | null | undefined} BodyInit */
/** @typedef {string | ArrayBuffer | null} Whole all of a body; null: there is none */
/** @typedef {Whole | Pieces | ReadableStream} Source what a body consists of */

const NONE = new ArrayBuffer(0);

/** The source, and marks the body as used. */
/** @type {(body: Body) => Source} */
export let takeSource;
/** @type {(body: Body) => Source} */
export let cloneSource;

export class Body {
  static {
    takeSource = (body) => {
      const source = body.#take();
      return source instanceof ReadableStream ? takeOver(source) : source;
    };
    cloneSource = (body) => body.#clone();
  }

  /** Whether a source that is no stream was used. */
  #used = false;
  /** @type {Source} */
  #source;

  /** @param {Source} source */
  constructor(source) {
    this.#source = source;
  }

  get body() {
    if (this.#source === null) return null;
    return this.#source instanceof ReadableStream ? this.#source : this.#makeStream();
  }

  get bodyUsed() {
    const source = this.#source;
    return source instanceof ReadableStream ? coreOfStream(source).disturbed : this.#used;
  }

  /** @returns {Promise<string>} */
  async text() {
    const source = this.#take() ?? "";
    if (typeof source === "string") return wellFormed(source);
    const bytes = await allOf(source);
    const text = native.encoding.decodeUtf8(bytes, 0, byteLengthOf(bytes), false, false)[0];
    return firstUnit(text) === 0xfeff ? sliceOf(text, 1) : text;
  }

  /** @returns {Promise<any>} */
  async json() {
    return JSON.parse(await this.text());
  }

  /** @returns {Promise<ArrayBuffer>} */
  async arrayBuffer() {
    const source = this.#take() ?? NONE;
    if (typeof source === "string") return native.encoding.encode(source);
    const bytes = await allOf(source);
    return bytes === source ? bytes.slice(0) : bytes;
  }

  /** @returns {Promise<Uint8Array<ArrayBuffer>>} */
  async bytes() {
    return new Uint8Array(await this.arrayBuffer());
  }

  #take() {
    const source = this.#source;
    this.#requireUnused(
      "It can only be used once. Use tee() first if you need to read it twice.",
    );
    this.#used = source !== null;
    return source;
  }

  /** @param {string} advice */
  #requireUnused(advice) {
    if (this.bodyUsed) throw new OwnTypeError(`Body has already been used. ${advice}`);
    if (this.#source instanceof ReadableStream && this.#source.locked) {
      throw new OwnTypeError(`Body is locked to a reader of its stream. ${advice}`);
    }
  }

  /** @returns {Source} */
  #clone() {
    this.#requireUnused("It cannot be cloned any more.");
    const source = this.#source;
    if (source === null || typeof source === "string" || source instanceof OwnArrayBuffer) {
      return source;
    }
    const [mine, other] = teeCore(coreOfStream(source), native.value.clone);
    this.#source = streamOf(mine);
    return streamOf(other);
  }

  #makeStream() {
    const stream = streamOf(this.#used ? usedUp() : coreOfStream(this.#source));
    this.#source = stream;
    return stream;
  }
}

asInterface(Body, "body", "bodyUsed", "text", "json", "arrayBuffer", "bytes");

/** The core of a source that is not null. @param {Source} source @returns {Core} */
function coreOfStream(source) {
  if (source instanceof Pieces) return coreOfPieces(source);
  if (source instanceof ReadableStream) return /** @type {Core} */ (coreOf(source));
  const bytes = typeof source === "string" ? native.encoding.encode(source) : source ?? NONE;
  const core = new Core({
    pull() {
      // A copy: the same buffer may be the body of a clone.
      if (bytes.byteLength > 0) core.enqueue(new Uint8Array(bytes.slice(0)));
      core.close();
    },
  }, 0);
  core.whole = bytes;
  core.start(undefined);
  return core;
}

/**
 * A taken source as the host takes it.
 * @param {Source} source
 * @returns {{ whole?: ArrayBuffer, stream?: Core }}
 */
export function sendable(source) {
  if (source === null) return {};
  if (typeof source === "string") return { whole: native.encoding.encode(source) };
  if (source instanceof OwnArrayBuffer) return { whole: source };
  const stream = coreOfStream(source);
  return stream.whole === undefined ? { stream } : { whole: stream.whole };
}

/** All bytes of a source. @param {ArrayBuffer | Pieces | ReadableStream} source */
function allOf(source) {
  return source instanceof OwnArrayBuffer ? source : collect(coreOfStream(source));
}

/** @param {Core} core not locked @returns {Promise<ArrayBuffer>} */
function collect(core) {
  lockFor(core);
  /** @type {import("../internal/bytes.js").Window[]} */
  const windows = [];
  let total = 0;
  return new OwnPromise((resolve, reject) => {
    const close = () => resolve(joined(windows, total));
    /** @param {unknown} chunk */
    const take = (chunk) => {
      const window = windowOf(chunk);
      if (window === undefined) {
        const error = new TypeError("A body's stream must give ArrayBuffers or views.");
        core.cancel(error).catch(() => {});
        reject(error);
        return;
      }
      windows.push(window);
      total += window.length;
      queueMicrotask(next);
    };
    const next = () => core.read({ chunk: take, close, error: reject });
    next();
  });
}

/** @param {import("../internal/bytes.js").Window[]} windows @param {number} total */
function joined(windows, total) {
  const all = new Uint8Array(total);
  let at = 0;
  for (const { buffer, offset, length } of windows) {
    all.set(new Uint8Array(buffer, offset, length), at);
    at += length;
  }
  return all.buffer;
}

/**
 * What a body is made of, and the content type that follows from it.
 * @param {unknown} init
 * @returns {{ source: Source, type: string | undefined }}
 */
export function extract(init) {
  if (init === null || init === undefined) return { source: null, type: undefined };
  if (init instanceof Pieces) return { source: init, type: undefined };
  if (init instanceof ReadableStream) {
    if (coreOfStream(init).disturbed || init.locked) {
      throw new TypeError("A stream that is locked or was read from cannot become a body.");
    }
    return { source: init, type: undefined };
  }
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
