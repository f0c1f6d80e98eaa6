// ReadableStreamDefaultReader, and the iterator that `for await` takes from a stream.

import { asInterface } from "../internal/webidl.js";
import { deferred, handled, upon } from "./stream-core.js";

/** @typedef {import("./stream-core.js").Core} Core */

/** The core of a ReadableStream, undefined for anything else; streams.js sets it. */
/** @type {(stream: unknown) => Core | undefined} */
let coreOfStream = () => undefined;

/** @param {(stream: unknown) => Core | undefined} coreOf */
export function streamsAre(coreOf) {
  coreOfStream = coreOf;
}

const released = () => new TypeError("The reader has been released.");

export class ReadableStreamDefaultReader {
  /** Undefined once the lock is released. @type {Core | undefined} */
  #core;
  #closed = deferred();

  /** @param {unknown} stream */
  constructor(stream) {
    const core = coreOfStream(stream);
    if (core === undefined) throw new TypeError("A reader needs a ReadableStream.");
    if (core.lock !== undefined) throw new TypeError("The stream is locked to a reader already.");
    this.#core = core;
    core.lock = { closed: this.#closed };
    handled(this.#closed.promise);
    if (core.state === "closed") this.#closed.resolve();
    if (core.state === "errored") this.#closed.reject(core.reason);
  }

  get closed() { return this.#closed.promise; }

  /** @returns {Promise<{ value: any, done: boolean }>} */
  read() {
    const core = this.#core;
    if (core === undefined) return Promise.reject(released());
    return new Promise((resolve, reject) => {
      core.read({
        chunk: (value) => resolve({ value, done: false }),
        close: () => resolve({ value: undefined, done: true }),
        error: reject,
      });
    });
  }

  /** @param {unknown} [reason] @returns {Promise<undefined>} */
  cancel(reason) {
    return this.#core === undefined ? Promise.reject(released()) : this.#core.cancel(reason);
  }

  releaseLock() {
    const core = this.#core;
    if (core === undefined) return;
    this.#core = undefined;
    if (core.state !== "readable") {
      this.#closed = deferred();
      handled(this.#closed.promise);
    }
    this.#closed.reject(released());
    core.release(released());
  }
}

asInterface(ReadableStreamDefaultReader, "closed", "read", "cancel", "releaseLock");

const AsyncIteratorPrototype = Object.getPrototypeOf(
  Object.getPrototypeOf((async function* () {}).prototype),
);

/**
 * What `values()` returns. Calls wait for the call before them.
 * @param {Core} core not locked @param {boolean} preventCancel
 */
export function iterate(core, preventCancel) {
  const closed = deferred();
  handled(closed.promise);
  core.lock = { closed };
  let over = false;
  /** @type {Promise<any> | undefined} */
  let last;
  /** @template T @param {() => Promise<T>} step @returns {Promise<T>} */
  const inTurn = (step) => {
    last = last === undefined ? step() : upon(last, step, step);
    return last;
  };
  const end = () => {
    over = true;
    core.release(released());
  };
  const next = () => over
    ? Promise.resolve({ value: undefined, done: true })
    : new Promise((resolve, reject) => {
        core.read({
          chunk: (value) => resolve({ value, done: false }),
          close: () => {
            end();
            resolve({ value: undefined, done: true });
          },
          error: (reason) => {
            end();
            reject(reason);
          },
        });
      });
  /** @param {unknown} value */
  const finish = (value) => {
    const result = { value, done: true };
    if (over) return Promise.resolve(result);
    const cancelled = preventCancel ? Promise.resolve() : core.cancel(value);
    end();
    return upon(/** @type {Promise<any>} */ (cancelled), () => result);
  };
  return Object.assign(Object.create(AsyncIteratorPrototype), {
    next: () => inTurn(next),
    /** @param {unknown} [value] */
    return: (value) => inTurn(() => finish(value)),
  });
}
