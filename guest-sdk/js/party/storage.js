// `room.storage`: PartyKit's key-value storage over the contract's synchronous one.
//
// Calls return promises, and mistakes in their arguments are rejections; only `delete` throws, as
// it does in PartyKit. Reads happen at the call, writes go into the batch of the turn.

import { native } from "../internal/native.js";
import { OwnPromise, Table } from "../internal/own.js";
import { scope } from "../internal/scope.js";
import { Calls, later } from "./storage-calls.js";
import { transaction } from "./transactions.js";

const { get, put } = native.storage;
const calls = new Calls("DurableObjectStorage");
/** Calls of `sync` that wait, by the host's name for them. @type {Table<number, () => void>} */
const syncs = new Table();

/** The name is what console and error texts show, as in PartyKit. */
export class DurableObjectStorage {
  /**
   * One value, or a Map of those that exist, in the order of their keys.
   * @param {[key: string | string[], options?: object]} args options are accepted and without
   *   effect, here and below: turns are stricter
   */
  async get(...args) {
    // The usual call, without what the others cost.
    if (args.length === 1 && typeof args[0] === "string") return get(args[0]);
    return calls.get(args)();
  }

  /** Entries in the order of their keys' UTF-8 bytes. @param {object} [_options] */
  async list(_options) {
    return calls.list(arguments)();
  }

  /**
   * A key and its value, or an object of keys and values.
   * @param {[key: string | Record<string, unknown>, value?: unknown, options?: object]} args
   */
  async put(...args) {
    if (args.length === 2 && typeof args[0] === "string" && args[1] !== undefined) put(args);
    else calls.put(args)();
  }

  /**
   * Whether there was a value; for an array of keys, how many there were.
   * @param {string | string[]} _key
   * @param {object} [_options]
   */
  delete(_key, _options) {
    return later(calls.delete(arguments)());
  }

  /** The alarm stays. @param {object} [_options] */
  async deleteAll(_options) {
    calls.deleteAll(arguments)();
  }

  /**
   * @param {(transaction: import("./transactions.js").DurableObjectTransaction) => unknown} _run
   * @param {object} [_options]
   */
  async transaction(_run, _options) {
    return transaction(calls.transaction(arguments));
  }

  /** Milliseconds since 1970, or null. @param {object} [_options] */
  async getAlarm(_options) {
    return calls.getAlarm(arguments)();
  }

  /** @param {number | Date} _time @param {object} [_options] */
  async setAlarm(_time, _options) {
    calls.setAlarm(arguments)();
  }

  /** @param {object} [_options] */
  async deleteAlarm(_options) {
    calls.deleteAlarm(arguments)();
  }

  /** Resolves when everything that was written so far is durable. */
  async sync() {
    const sync = native.storage.sync(scope.current);
    if (sync === 0) return;
    await new OwnPromise((resolve) => {
      syncs.set(sync, () => resolve(undefined));
    });
  }
}

/** @param {number} sync */
export function onSynced(sync) {
  scope.current = scope.innermost;
  const resolve = syncs.get(sync);
  syncs.delete(sync);
  resolve?.();
}
