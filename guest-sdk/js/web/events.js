// Events by the DOM standard, for targets without a tree: no capturing, no bubbling.
//
// A listener that throws does not stop the others; its error goes to the log.

import { reportUncaught } from "../internal/errors.js";
import { apply, takeAt } from "../internal/own.js";
import { asInterface } from "../internal/webidl.js";
import { sinceStart } from "./performance.js";

/** @typedef {{ type: string, callback: any, capture: boolean, once: boolean, removed: boolean }} Listener */
/** @typedef {{ bubbles?: boolean, cancelable?: boolean, composed?: boolean }} EventInit */
/** @typedef {{ once?: boolean, capture?: boolean, passive?: boolean, signal?: any }} ListenerOptions */

/** @type {(event: Event, target: EventTarget | null) => void} */
let setTarget;
/** @type {(event: Event) => boolean} */
let isStopped;

export class Event {
  static {
    setTarget = (event, target) => {
      event.#target ??= target;
      event.#current = target === null ? null : event.#target;
    };
    isStopped = (event) => event.#stopped;
  }

  #type;
  #bubbles;
  #cancelable;
  #composed;
  #prevented = false;
  #stopped = false;
  /** @type {EventTarget | null} */
  #target = null;
  /** @type {EventTarget | null} */
  #current = null;
  #timeStamp = sinceStart();

  /** @param {string} type @param {EventInit} [init] */
  constructor(type, init) {
    if (arguments.length === 0) throw new TypeError("An event needs a type.");
    this.#type = `${type}`;
    this.#bubbles = Boolean(init?.bubbles);
    this.#cancelable = Boolean(init?.cancelable);
    this.#composed = Boolean(init?.composed);
  }

  get type() { return this.#type; }
  get bubbles() { return this.#bubbles; }
  get cancelable() { return this.#cancelable; }
  get composed() { return this.#composed; }
  get defaultPrevented() { return this.#prevented; }
  get returnValue() { return !this.#prevented; }
  get target() { return this.#target; }
  get srcElement() { return this.#target; }
  get currentTarget() { return this.#current; }
  get eventPhase() { return this.#current === null ? 0 : 2; }
  get timeStamp() { return this.#timeStamp; }
  get isTrusted() { return false; }
  get cancelBubble() { return false; }
  composedPath() { return this.#current === null ? [] : [this.#current]; }
  preventDefault() { if (this.#cancelable) this.#prevented = true; }
  stopPropagation() {}
  stopImmediatePropagation() { this.#stopped = true; }
}

for (const [name, value] of [["NONE", 0], ["CAPTURING_PHASE", 1], ["AT_TARGET", 2], ["BUBBLING_PHASE", 3]]) {
  for (const holder of [Event, Event.prototype]) {
    Object.defineProperty(holder, name, { value, enumerable: true });
  }
}

/** Whether anybody listens at all; the quick way around making an event. */
/** @type {(target: EventTarget) => boolean} */
export let hasListeners;

export class EventTarget {
  static {
    hasListeners = (target) => target.#listeners !== undefined;
  }

  /** Made when somebody first listens. @type {Listener[] | undefined} */
  #listeners;

  /**
   * @param {string} type
   * @param {((event: any) => void) | { handleEvent(event: any): void } | null} callback
   * @param {boolean | ListenerOptions} [options]
   */
  addEventListener(type, callback, options) {
    const { once = false, capture = false, signal } =
      typeof options === "object" && options !== null ? options : { capture: Boolean(options) };
    if (signal?.aborted || callback === null || callback === undefined) return;
    const listener = { type: `${type}`, callback, capture: Boolean(capture), once, removed: false };
    const same = this.#find(listener);
    if (same !== undefined) return;
    this.#listeners = copyOf(this.#listeners);
    this.#listeners[this.#listeners.length] = listener;
    signal?.addEventListener("abort", () => this.removeEventListener(type, callback, { capture }));
  }

  /**
   * @param {string} type
   * @param {((event: any) => void) | { handleEvent(event: any): void } | null} callback
   * @param {boolean | ListenerOptions} [options]
   */
  removeEventListener(type, callback, options) {
    const capture = Boolean(typeof options === "object" && options !== null ? options.capture : options);
    const found = this.#find({ type: `${type}`, callback, capture });
    if (found === undefined) return;
    found.removed = true;
    const left = copyOf(this.#listeners);
    for (let index = 0; index < left.length; index++) {
      if (left[index] === found) takeAt(left, index);
    }
    this.#listeners = left.length === 0 ? undefined : left;
  }

  /** @param {Event} event @returns {boolean} false when a listener prevented the default */
  dispatchEvent(event) {
    if (!(event instanceof Event)) throw new TypeError("dispatchEvent() takes an Event.");
    setTarget(event, this);
    // The list is replaced and never changed, so that this walk is not disturbed.
    const listeners = this.#listeners;
    const count = listeners?.length ?? 0;
    for (let index = 0; index < count; index++) {
      const listener = /** @type {Listener[]} */ (listeners)[index];
      if (listener.type !== event.type || listener.removed) continue;
      if (listener.once) this.removeEventListener(listener.type, listener.callback, listener.capture);
      invoke(listener.callback, this, event);
      if (isStopped(event)) break;
    }
    setTarget(event, null);
    return !event.defaultPrevented;
  }

  /** @param {{ type: string, callback: any, capture: boolean }} wanted */
  #find({ type, callback, capture }) {
    const count = this.#listeners?.length ?? 0;
    for (let index = 0; index < count; index++) {
      const listener = /** @type {Listener[]} */ (this.#listeners)[index];
      const same = listener.type === type && listener.callback === callback;
      if (same && listener.capture === capture) return listener;
    }
  }
}

/** @param {Listener[] | undefined} listeners */
function copyOf(listeners) {
  /** @type {Listener[]} */
  const copy = [];
  const count = listeners?.length ?? 0;
  for (let index = 0; index < count; index++) {
    copy[index] = /** @type {Listener[]} */ (listeners)[index];
  }
  return copy;
}

/** @param {any} callback @param {EventTarget} target @param {Event} event */
function invoke(callback, target, event) {
  try {
    const result = typeof callback === "function"
      ? apply(callback, target, [event])
      : callback.handleEvent(event);
    return result;
  } catch (error) {
    reportUncaught(error);
  }
}

export class CustomEvent extends Event {
  #detail;

  /** @param {string} type @param {EventInit & { detail?: unknown }} [init] */
  constructor(type, init) {
    super(type, init);
    this.#detail = init?.detail ?? null;
  }

  get detail() { return this.#detail; }
}

export class MessageEvent extends Event {
  #init;

  /** @param {string} type @param {EventInit & { data?: any, origin?: string, lastEventId?: string, source?: any, ports?: any[] }} [init] */
  constructor(type, init = {}) {
    super(type, init);
    this.#init = init;
  }

  get data() { return this.#init.data ?? null; }
  get origin() { return this.#init.origin ?? ""; }
  get lastEventId() { return this.#init.lastEventId ?? ""; }
  get source() { return this.#init.source ?? null; }
  get ports() { return this.#init.ports ?? []; }
}

export class CloseEvent extends Event {
  #init;

  /** @param {string} type @param {EventInit & { code?: number, reason?: string, wasClean?: boolean }} [init] */
  constructor(type, init = {}) {
    super(type, init);
    this.#init = init;
  }

  get code() { return this.#init.code ?? 0; }
  get reason() { return this.#init.reason ?? ""; }
  get wasClean() { return this.#init.wasClean ?? false; }
}

export class ErrorEvent extends Event {
  #init;

  /** @param {string} type @param {EventInit & { message?: string, filename?: string, lineno?: number, colno?: number, error?: unknown }} [init] */
  constructor(type, init = {}) {
    super(type, init);
    this.#init = init;
  }

  get message() { return this.#init.message ?? ""; }
  get filename() { return this.#init.filename ?? ""; }
  get lineno() { return this.#init.lineno ?? 0; }
  get colno() { return this.#init.colno ?? 0; }
  get error() { return this.#init.error; }
}

asInterface(Event, "type", "target", "currentTarget", "timeStamp", "preventDefault");
asInterface(EventTarget, "addEventListener", "removeEventListener", "dispatchEvent");
asInterface(CustomEvent, "detail");
asInterface(MessageEvent, "data", "origin", "lastEventId", "source", "ports");
asInterface(CloseEvent, "code", "reason", "wasClean");
asInterface(ErrorEvent, "message", "filename", "lineno", "colno", "error");
