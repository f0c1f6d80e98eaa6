// Bodies that cross the border in pieces: a request's body is pulled from the host one piece at a
// time, when somebody reads it; a response's body is written as the host takes it.
//
// The host answers later, by `onBody`. What waits for an answer stands in one of the two maps, and
// nothing else does: a stream that nobody reads is held by nobody.

import { windowOf } from "../internal/bytes.js";
import { reportUncaught } from "../internal/errors.js";
import { native } from "../internal/native.js";
import { microtask, OwnPromise, OwnTypeError, Table } from "../internal/own.js";
import { scope } from "../internal/scope.js";
import { Core, upon } from "./stream-core.js";
import { lockFor } from "./streams.js";

const GONE = "The client has gone.";

/** A request's body as the host names it, before anybody has looked at it. */
export class Pieces {
  /** @param {number} handle */
  constructor(handle) {
    this.handle = handle;
  }
}

/** @typedef {{ core: Core, answered: (value?: any) => void }} Pull */

/** @type {Table<number, Pull>} */
const pulls = new Table();
/** @type {Table<number, Outgoing>} */
const written = new Table();

/** The stream of a request's body. @param {Pieces} pieces */
export function coreOfPieces({ handle }) {
  const core = new Core({ pull: () => pull(core, handle), cancel: () => cancel(handle) }, 0);
  core.start(undefined);
  return core;
}

/** @param {Core} core @param {number} handle */
function pull(core, handle) {
  return new OwnPromise((answered) => {
    pulls.set(handle, { core, answered });
    let comes = false;
    try {
      comes = native.bodies.pull(handle, scope.current);
      if (!comes) core.error(new OwnTypeError(GONE));
    } finally {
      if (!comes && pulls.delete(handle)) answered(undefined);
    }
  });
}

/** @param {number} handle */
function cancel(handle) {
  const pull = pulls.get(handle);
  pulls.delete(handle);
  native.bodies.cancel(handle);
  pull?.answered();
}

/**
 * Writes a stream that nobody else reads to a new body of the host, which is given to `settle`
 * first. When the host gives no body, the stream is cancelled and the error thrown.
 * @param {Core} core
 * @param {(handle: number) => boolean} settle whether the host has taken the response
 * @param {(reason: unknown) => void} lost told when the client goes before the end
 */
export function send(core, settle, lost) {
  lockFor(core);
  const outgoing = new Outgoing(openFor(core), core, lost);
  written.set(outgoing.handle, outgoing);
  if (settle(outgoing.handle)) outgoing.next();
  else outgoing.failed(GONE);
}

/** @param {Core} core */
function openFor(core) {
  try {
    return native.bodies.open();
  } catch (error) {
    cancelFor(core, error);
    throw error;
  }
}

/** Tells a stream's source why nobody reads it. @param {Core} core @param {unknown} reason */
function cancelFor(core, reason) {
  upon(core.cancel(reason), () => {}, (error) => {
    // A stream that has failed by itself gives its own error back: that one is known.
    if (error !== reason) reportUncaught(error);
  });
}

/** A response's body that is being written; it is what reads the stream. */
class Outgoing {
  #core;
  #lost;
  #ended = false;
  /** The host has had enough for now. */
  #full = false;

  /** @param {number} handle @param {Core} core @param {(reason: unknown) => void} lost */
  constructor(handle, core, lost) {
    this.handle = handle;
    this.#core = core;
    this.#lost = lost;
  }

  next() {
    this.#core.read(this);
  }

  /** The host: go on. */
  ready() {
    if (!this.#full || this.#ended) return;
    this.#full = false;
    this.next();
  }

  /** The host: nobody reads this any more. @param {string} text */
  failed(text) {
    if (!this.#end()) return;
    const reason = new DOMException(text, "AbortError");
    this.#lost(reason);
    cancelFor(this.#core, reason);
  }

  /** The stream: a chunk was read. @param {unknown} chunk */
  chunk(chunk) {
    if (this.#ended) return;
    /** @type {boolean | undefined} */
    let more;
    try {
      const window = windowOf(chunk);
      if (window === undefined) {
        throw new TypeError("A body's stream must give ArrayBuffers or views, nothing else.");
      }
      const { buffer, offset, length } = window;
      more = length === 0 ||
        native.bodies.write(this.handle, buffer, offset, length, scope.current);
    } catch (error) {
      this.error(error);
      cancelFor(this.#core, error);
      return;
    }
    if (more === undefined) this.failed(GONE);
    // In a job of its own: chunks that wait in a queue must not become frames of the stack.
    else if (more) microtask(() => { if (!this.#ended) this.next(); });
    else this.#full = true;
  }

  /** The stream: that was all. */
  close() {
    if (this.#end()) native.bodies.finish(this.handle);
  }

  /** The stream has failed. @param {unknown} reason */
  error(reason) {
    if (!this.#end()) return;
    native.bodies.abort(this.handle);
    reportUncaught(reason);
  }

  /** Whether it had not ended before. */
  #end() {
    if (this.#ended) return false;
    this.#ended = true;
    written.delete(this.handle);
    return true;
  }
}

/**
 * What became of a body.
 * @param {number} handle @param {"piece" | "finished" | "failed" | "ready"} what
 * @param {any} [detail] the piece's buffer, or why it failed
 */
export function onBody(handle, what, detail) {
  scope.current = scope.innermost;
  const outgoing = written.get(handle);
  if (what === "ready") {
    outgoing?.ready();
    return;
  }
  if (what === "failed") outgoing?.failed(detail);
  const pull = pulls.get(handle);
  if (pull === undefined) return;
  pulls.delete(handle);
  const { core, answered } = pull;
  if (what === "failed") core.error(new OwnTypeError(detail));
  else if (what === "finished") core.close();
  else core.enqueue(new Uint8Array(detail));
  answered();
}
