// What a readable stream consists of: its state, its queue and whoever reads it, by the Streams
// Standard's section on default streams. ReadableStream, its reader and its controller
// (web/streams.js, web/stream-reader.js, web/stream-controller.js) are faces of one `Core`; the
// platform itself uses the core, so that patched methods of those classes change nothing of ours.

/**
 * @typedef {object} ReadRequest who waits for one chunk; exactly one of them is called, once
 * @property {(chunk: any) => void} chunk
 * @property {() => void} close
 * @property {(reason: unknown) => void} error
 */

/**
 * @typedef {object} Source
 * @property {() => unknown} [pull]
 * @property {(reason: unknown) => unknown} [cancel]
 */

/**
 * @typedef {object} Closed a promise with what settles it
 * @property {Promise<undefined>} promise
 * @property {(value?: any) => void} resolve
 * @property {(reason: unknown) => void} reject
 */

/**
 * What holds the lock on a stream.
 * @typedef {object} Lock
 * @property {Closed} closed
 */

const then = Promise.prototype.then;
const apply = Reflect.apply;
const ignore = () => {};
const one = () => 1;

/**
 * Calls one of the two when the promise is settled.
 * @template T
 * @param {Promise<T>} promise @param {(value: T) => any} done @param {(reason: unknown) => any} [failed]
 * @returns {Promise<any>}
 */
export function upon(promise, done, failed) {
  return apply(then, promise, [done, failed]);
}

/** Keeps a rejection out of the log: somebody else is told of it. @param {Promise<any>} promise */
export function handled(promise) {
  upon(promise, ignore, ignore);
}

/** @param {Function | undefined} call @param {unknown} argument @returns {Promise<any>} */
function promiseOf(call, argument) {
  try {
    return Promise.resolve(call?.(argument));
  } catch (error) {
    return Promise.reject(error);
  }
}

/** @returns {Closed} */
export function deferred() {
  /** @type {any} */
  const made = {};
  made.promise = new Promise((resolve, reject) => {
    made.resolve = resolve;
    made.reject = reject;
  });
  return made;
}

/** Chunks that wait. An array's own shift() moves everything behind the first, each time. */
class Queue {
  /** @type {({ chunk: any, size: number } | undefined)[]} */
  #items = [];
  #first = 0;

  get length() { return this.#items.length - this.#first; }

  /** @param {any} chunk @param {number} size */
  push(chunk, size) {
    this.#items.push({ chunk, size });
  }

  shift() {
    const item = this.#items[this.#first];
    if (item === undefined) return undefined;
    this.#items[this.#first++] = undefined;
    if (this.#first * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#first);
      this.#first = 0;
    }
    return item;
  }
}

export class Core {
  /** @type {"readable" | "closed" | "errored"} */
  state = "readable";
  /** @type {unknown} */
  reason = undefined;
  /** Whether it was ever read or cancelled. */
  disturbed = false;
  /** @type {Lock | undefined} */
  lock = undefined;
  /** All bytes, when they were there before the stream. @type {ArrayBuffer | undefined} */
  whole = undefined;

  #queue = new Queue();
  #size = 0;
  /** @type {ReadRequest[]} */
  #requests = [];
  #started = false;
  #closing = false;
  #pulling = false;
  #pullAgain = false;
  /** @type {Source} */
  #source;
  #highWaterMark;
  /** @type {(chunk: any) => number} */
  #sizeOf;

  /**
   * @param {Source} source @param {number} highWaterMark
   * @param {(chunk: any) => number} [sizeOf]
   */
  constructor(source, highWaterMark, sizeOf = one) {
    this.#source = source;
    this.#highWaterMark = highWaterMark;
    this.#sizeOf = sizeOf;
  }

  /** Nothing is pulled before this. @param {unknown} result what the source's start() returned */
  start(result) {
    upon(
      Promise.resolve(result),
      () => {
        this.#started = true;
        this.#pullIfWanted();
      },
      (error) => this.error(error),
    );
  }

  get desiredSize() {
    if (this.state === "errored") return null;
    return this.state === "closed" ? 0 : this.#highWaterMark - this.#size;
  }

  /** Whether the source may still enqueue and close. */
  get open() {
    return this.state === "readable" && !this.#closing;
  }

  /** @param {any} chunk */
  enqueue(chunk) {
    const request = this.#requests.shift();
    if (request !== undefined) {
      request.chunk(chunk);
    } else {
      const size = this.#measured(chunk);
      this.#queue.push(chunk, size);
      this.#size += size;
    }
    this.#pullIfWanted();
  }

  /** A size that is none breaks the stream. @param {any} chunk */
  #measured(chunk) {
    try {
      const sizeOf = this.#sizeOf;
      const size = Number(sizeOf(chunk));
      if (size >= 0 && size < Infinity) return size;
      throw new RangeError("The size of a chunk must be a finite number that is not negative.");
    } catch (error) {
      this.error(error);
      throw error;
    }
  }

  /** The source has nothing more; what is queued can still be read. */
  close() {
    this.#closing = true;
    if (this.#queue.length === 0) this.#close();
  }

  /** @param {unknown} reason */
  error(reason) {
    if (this.state !== "readable") return;
    this.#forget();
    this.state = "errored";
    this.reason = reason;
    this.lock?.closed.reject(reason);
    for (const request of this.#requests.splice(0)) request.error(reason);
  }

  /** @param {ReadRequest} request */
  read(request) {
    this.disturbed = true;
    if (this.state === "closed") {
      request.close();
    } else if (this.state === "errored") {
      request.error(this.reason);
    } else {
      const first = this.#queue.shift();
      if (first === undefined) this.#requests.push(request);
      else this.#size = this.#queue.length === 0 ? 0 : this.#size - first.size;
      if (this.#closing && this.#queue.length === 0) this.#close();
      else this.#pullIfWanted();
      if (first !== undefined) request.chunk(first.chunk);
    }
  }

  /** Nobody wants the rest. @param {unknown} reason @returns {Promise<undefined>} */
  cancel(reason) {
    this.disturbed = true;
    if (this.state === "closed") return Promise.resolve(undefined);
    if (this.state === "errored") return Promise.reject(this.reason);
    const { cancel } = this.#source;
    this.#close();
    return upon(promiseOf(cancel, reason), ignore);
  }

  /** The reader goes; who still waits is told so. @param {unknown} reason */
  release(reason) {
    this.lock = undefined;
    for (const request of this.#requests.splice(0)) request.error(reason);
  }

  #close() {
    this.#forget();
    this.state = "closed";
    this.lock?.closed.resolve();
    for (const request of this.#requests.splice(0)) request.close();
  }

  /** What a stream that is over no longer needs must not be kept alive by it. */
  #forget() {
    this.#queue = new Queue();
    this.#size = 0;
    this.#source = {};
    this.#sizeOf = one;
  }

  #wantsMore() {
    if (!this.#started || !this.open) return false;
    return this.#requests.length > 0 || this.#highWaterMark - this.#size > 0;
  }

  #pullIfWanted() {
    if (!this.#wantsMore()) return;
    if (this.#pulling) {
      this.#pullAgain = true;
      return;
    }
    this.#pulling = true;
    const pulled = () => {
      this.#pulling = false;
      if (!this.#pullAgain) return;
      this.#pullAgain = false;
      this.#pullIfWanted();
    };
    upon(promiseOf(this.#source.pull, undefined), pulled, (error) => this.error(error));
  }
}

/**
 * Two cores that give the same chunks; the first one's are the originals. Both pull from one
 * reader, which takes the lock. The source is cancelled when both are.
 * @param {Core} core @param {(chunk: any) => any} copy makes the second one's chunk
 * @returns {[Core, Core]}
 */
export function teeCore(core, copy) {
  const lock = { closed: deferred() };
  core.lock = lock;
  const cancelled = deferred();
  handled(cancelled.promise);
  /** @type {({ reason: unknown } | undefined)[]} */
  const reasons = [undefined, undefined];
  let reading = false;
  let again = false;
  const pull = () => {
    if (reading) {
      again = true;
      return;
    }
    reading = true;
    core.read({ chunk, close, error: () => { reading = false; } });
  };
  /** @param {any} value */
  const chunk = (value) => {
    // Not at once: the chunk may come out of the very pull that the branches would then repeat.
    queueMicrotask(() => {
      again = false;
      /** @type {any} */
      let second;
      try {
        second = reasons[1] === undefined ? copy(value) : undefined;
      } catch (error) {
        for (const branch of branches) branch.error(error);
        cancelled.resolve(core.cancel(error));
        return;
      }
      if (branches[0].open) branches[0].enqueue(value);
      if (branches[1].open) branches[1].enqueue(second);
      reading = false;
      if (again) pull();
    });
  };
  const close = () => {
    reading = false;
    for (const branch of branches) if (branch.open) branch.close();
    cancelled.resolve();
  };
  /** @param {number} index */
  const branch = (index) => {
    const cancel = (/** @type {unknown} */ reason) => {
      reasons[index] = { reason };
      if (reasons[0] !== undefined && reasons[1] !== undefined) {
        cancelled.resolve(core.cancel([reasons[0].reason, reasons[1].reason]));
      }
      return cancelled.promise;
    };
    return new Core({ pull, cancel }, 1);
  };
  /** @type {[Core, Core]} */
  const branches = [branch(0), branch(1)];
  if (core.state === "errored") lock.closed.reject(core.reason);
  upon(lock.closed.promise, ignore, (reason) => {
    for (const branch of branches) branch.error(reason);
    cancelled.resolve();
  });
  for (const branch of branches) branch.start(undefined);
  return branches;
}
