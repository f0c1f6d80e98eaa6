// ReadableStream by the Streams Standard: default streams, with queuing strategies, tee, from and
// async iteration. web/stream-core.js holds what happens, this file the class and its arguments.
//
// A stream of type "bytes" is a default stream whose chunks are made Uint8Arrays; BYOB readers
// are not there yet, nor are writable streams, and with them pipeTo and pipeThrough.

import { windowOf } from "../internal/bytes.js";
import { asInterface } from "../internal/webidl.js";
import { Core, deferred, handled, teeCore } from "./stream-core.js";
import { iterate, ReadableStreamDefaultReader, streamsAre } from "./stream-reader.js";

/**
 * @typedef {object} UnderlyingSource
 * @property {(controller: ReadableStreamDefaultController) => unknown} [start]
 * @property {(controller: ReadableStreamDefaultController) => unknown} [pull]
 * @property {(reason: unknown) => unknown} [cancel]
 * @property {"bytes"} [type]
 */

/** @typedef {{ highWaterMark?: number, size?: (chunk: any) => number }} QueuingStrategy */

const OURS = Symbol();

/** @type {(core: Core, bytes: boolean) => ReadableStreamDefaultController} */
let makeController;

export class ReadableStreamDefaultController {
  static {
    makeController = (core, bytes) => {
      const controller = new ReadableStreamDefaultController(OURS);
      controller.#core = core;
      controller.#bytes = bytes;
      return controller;
    };
  }

  /** @type {Core} */
  #core = /** @type {any} */ (undefined);
  #bytes = false;

  /** @param {unknown} [by] */
  constructor(by) {
    if (by !== OURS) throw new TypeError("Illegal constructor");
  }

  get desiredSize() { return this.#core.desiredSize; }

  /** @param {any} [chunk] */
  enqueue(chunk) {
    this.#requireOpen();
    this.#core.enqueue(this.#bytes ? byteChunk(chunk) : chunk);
  }

  close() {
    this.#requireOpen();
    this.#core.close();
  }

  /** @param {unknown} [reason] */
  error(reason) {
    this.#core.error(reason);
  }

  #requireOpen() {
    if (!this.#core.open) throw new TypeError("The stream is closed or has failed.");
  }
}

asInterface(ReadableStreamDefaultController, "desiredSize", "enqueue", "close", "error");

/** @param {unknown} chunk */
function byteChunk(chunk) {
  const window = ArrayBuffer.isView(chunk) ? windowOf(chunk) : undefined;
  if (window === undefined || window.length === 0) {
    throw new TypeError("A chunk of a stream of bytes must be a view with at least one byte.");
  }
  return new Uint8Array(window.buffer, window.offset, window.length);
}

/** The core of a stream; undefined for anything else. */
/** @type {(stream: unknown) => Core | undefined} */
export let coreOf;
/** @type {(core: Core) => ReadableStream} */
export let streamOf;
/**
 * Another stream with all that is in this one, which is left used up, as after a read to its end.
 */
/** @type {(stream: ReadableStream) => ReadableStream} */
export let takeOver;

export class ReadableStream {
  static {
    coreOf = (stream) =>
      stream !== null && typeof stream === "object" && #core in stream ? stream.#core : undefined;
    streamOf = (core) => {
      const stream = new ReadableStream(/** @type {any} */ (OURS));
      stream.#core = core;
      return stream;
    };
    takeOver = (stream) => {
      const taken = streamOf(stream.#core);
      stream.#core = usedUp();
      return taken;
    };
  }

  /** @type {Core} */
  #core = /** @type {any} */ (undefined);

  /** @param {UnderlyingSource} [source] @param {QueuingStrategy} [strategy] */
  constructor(source = {}, strategy) {
    if (/** @type {unknown} */ (source) === OURS) return;
    if (source === null || (typeof source !== "object" && typeof source !== "function")) {
      throw new TypeError("The source of a ReadableStream must be an object.");
    }
    const { start, pull, cancel, type } = source;
    for (const [name, method] of Object.entries({ start, pull, cancel })) {
      if (method !== undefined && typeof method !== "function") {
        throw new TypeError(`'${name}' of a stream's source must be a function.`);
      }
    }
    if (type !== undefined && `${type}` !== "bytes") {
      throw new TypeError(`A stream's source cannot be of type '${type}'.`);
    }
    const bytes = type !== undefined;
    const size = sizeOf(strategy);
    if (bytes && size !== undefined) {
      throw new RangeError("The strategy of a stream of bytes cannot have a size function.");
    }
    const mark = highWaterMark(strategy, bytes ? 0 : 1);
    const methods = {
      pull: pull && (() => Reflect.apply(pull, source, [controller])),
      cancel: cancel &&
        ((/** @type {unknown} */ reason) => Reflect.apply(cancel, source, [reason])),
    };
    this.#core = new Core(methods, mark, bytes ? byteLength : size);
    const controller = makeController(this.#core, bytes);
    this.#core.start(start && Reflect.apply(start, source, [controller]));
  }

  /** @param {Iterable<any> | AsyncIterable<any>} items */
  static from(items) {
    return streamOf(coreFrom(items));
  }

  get locked() { return this.#core.lock !== undefined; }

  /** @param {unknown} [reason] @returns {Promise<undefined>} */
  cancel(reason) {
    if (this.locked) return Promise.reject(locked());
    return this.#core.cancel(reason);
  }

  /** @param {{ mode?: string }} [options] */
  getReader(options) {
    const mode = options?.mode;
    if (mode !== undefined) {
      throw new TypeError(`A reader with the mode '${mode}' cannot be made from this stream.`);
    }
    return new ReadableStreamDefaultReader(this);
  }

  tee() {
    if (this.locked) throw locked();
    return teeCore(this.#core, (chunk) => chunk).map(streamOf);
  }

  /** @param {{ preventCancel?: boolean }} [options] */
  values(options) {
    if (this.locked) throw locked();
    return iterate(this.#core, Boolean(options?.preventCancel));
  }
}

asInterface(ReadableStream, "locked", "cancel", "getReader", "tee", "values");
Object.defineProperty(ReadableStream.prototype, Symbol.asyncIterator, {
  value: ReadableStream.prototype.values,
  writable: true,
  configurable: true,
});
streamsAre(coreOf);

const locked = () => new TypeError("The stream is locked to a reader.");
const byteLength = (/** @type {any} */ chunk) => chunk.byteLength;

/** A core that was read to its end. */
export function usedUp() {
  const core = new Core({}, 0);
  core.close();
  core.disturbed = true;
  return core;
}

/** @param {QueuingStrategy | undefined} strategy @param {number} otherwise */
function highWaterMark(strategy, otherwise) {
  const mark = strategy?.highWaterMark;
  if (mark === undefined) return otherwise;
  if (!(Number(mark) >= 0)) {
    throw new RangeError("A highWaterMark must be a number that is not negative.");
  }
  return Number(mark);
}

/** @param {QueuingStrategy | undefined} strategy */
function sizeOf(strategy) {
  const size = strategy?.size;
  if (size !== undefined && typeof size !== "function") {
    throw new TypeError("The size of a strategy must be a function.");
  }
  return size && ((/** @type {any} */ chunk) => size(chunk));
}

/** @param {any} items @returns {Core} */
function coreFrom(items) {
  const asynchronous = items?.[Symbol.asyncIterator];
  const method = asynchronous ?? items?.[Symbol.iterator];
  if (typeof method !== "function") throw new TypeError("ReadableStream.from() takes an iterable.");
  const iterator = Reflect.apply(method, items, []);
  const { next } = iterator;
  const core = new Core({
    async pull() {
      const result = await Reflect.apply(next, iterator, []);
      if (result === null || typeof result !== "object") {
        throw new TypeError("The iterator has returned something that is no object.");
      }
      if (result.done) {
        if (core.open) core.close();
        return;
      }
      const value = asynchronous ? result.value : await result.value;
      if (core.open) core.enqueue(value);
    },
    async cancel(reason) {
      await iterator.return?.(reason);
    },
  }, 0);
  core.start(undefined);
  return core;
}

/** Every chunk counts as one. */
export class CountQueuingStrategy {
  #mark;

  /** @param {{ highWaterMark: number }} init */
  constructor(init) {
    this.#mark = Number(init.highWaterMark);
  }

  get highWaterMark() { return this.#mark; }
  get size() { return countOf; }
}

/** A chunk counts as many as it has bytes. */
export class ByteLengthQueuingStrategy {
  #mark;

  /** @param {{ highWaterMark: number }} init */
  constructor(init) {
    this.#mark = Number(init.highWaterMark);
  }

  get highWaterMark() { return this.#mark; }
  get size() { return byteLength; }
}

const countOf = () => 1;

asInterface(CountQueuingStrategy, "highWaterMark", "size");
asInterface(ByteLengthQueuingStrategy, "highWaterMark", "size");

/**
 * Takes the lock of a stream that nobody holds, for good, and reads it to the platform's ends.
 * @param {Core} core
 */
export function lockFor(core) {
  const closed = deferred();
  handled(closed.promise);
  core.lock = { closed };
}
