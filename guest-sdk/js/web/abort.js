// AbortController and AbortSignal by the DOM standard.

import { reportUncaught } from "../internal/errors.js";
import { asInterface } from "../internal/webidl.js";
import { Event, EventTarget } from "./events.js";
import { setTimeout } from "./timers.js";

/** @type {(signal: AbortSignal, reason: unknown) => void} */
export let abort;
/** @type {() => AbortSignal} */
let makeSignal;
let constructing = false;

export class AbortSignal extends EventTarget {
  static {
    makeSignal = () => {
      constructing = true;
      return new AbortSignal();
    };
    abort = (signal, reason) => signal.#abort(reason);
  }

  #aborted = false;
  /** @type {unknown} */
  #reason;
  /** Signals that follow this one. @type {AbortSignal[]} */
  #followers = [];
  /** @type {((event: Event) => void) | null} */
  onabort = null;

  constructor() {
    if (!constructing) throw new TypeError("Illegal constructor");
    constructing = false;
    super();
  }

  /** @param {unknown} [reason] */
  static abort(reason = new DOMException("The operation was aborted", "AbortError")) {
    const signal = makeSignal();
    signal.#abort(reason);
    return signal;
  }

  /** @param {number} ms */
  static timeout(ms) {
    const signal = makeSignal();
    const reason = () => new DOMException("The operation was aborted due to timeout", "TimeoutError");
    setTimeout(() => signal.#abort(reason()), ms);
    return signal;
  }

  /** @param {Iterable<AbortSignal>} signals */
  static any(signals) {
    const follower = makeSignal();
    for (const signal of signals) {
      if (signal.#aborted) {
        follower.#abort(signal.#reason);
        break;
      }
      signal.#followers.push(follower);
    }
    return follower;
  }

  get aborted() { return this.#aborted; }
  get reason() { return this.#reason; }

  throwIfAborted() {
    if (this.#aborted) throw this.#reason;
  }

  /** @param {unknown} reason */
  #abort(reason) {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#reason = reason;
    const event = new Event("abort");
    try {
      this.onabort?.(event);
    } catch (error) {
      reportUncaught(error);
    }
    this.dispatchEvent(event);
    for (const follower of this.#followers) follower.#abort(reason);
    this.#followers = [];
  }
}

export class AbortController {
  #signal = makeSignal();

  get signal() { return this.#signal; }

  /** @param {unknown} [reason] */
  abort(reason = new DOMException("The operation was aborted", "AbortError")) {
    abort(this.#signal, reason);
  }
}

/** A signal that nothing aborts. */
export const neverAborted = makeSignal;

asInterface(AbortSignal, "aborted", "reason", "throwIfAborted");
asInterface(AbortController, "signal", "abort");
