// `storage.transaction`: what its function writes is kept as a whole or not at all.
//
// Two sections for each: the outer one keeps others out until the function is done, the inner one
// holds what is written. `rollback()` ends the inner one at once, and the function goes on.

import { OwnError } from "../internal/own.js";
import { block, endNow, write } from "./sections.js";
import { Calls, later } from "./storage-calls.js";

const calls = new Calls("DurableObjectTransaction");

/**
 * @typedef {object} Course how far a transaction is
 * @property {"open" | "kept" | "rolled back"} state
 * @property {import("./sections.js").Section} section what holds its writes
 */

/** The same calls as the storage's. Those of the storage are in the transaction, too. */
export class DurableObjectTransaction {
  /** @type {Course} */
  #course;

  /** @param {Course} course */
  constructor(course) {
    this.#course = course;
  }

  /** @param {string | string[]} _key @param {object} [_options] */
  async get(_key, _options) {
    const run = calls.get(arguments);
    this.#check("get");
    return run();
  }

  /** @param {object} [_options] */
  async list(_options) {
    const run = calls.list(arguments);
    this.#check("list");
    return run();
  }

  /**
   * @param {string | Record<string, unknown>} _key
   * @param {unknown} [_value]
   * @param {object} [_options]
   */
  async put(_key, _value, _options) {
    const run = calls.put(arguments);
    this.#check("put");
    run();
  }

  /** @param {string | string[]} _key @param {object} [_options] */
  delete(_key, _options) {
    const run = calls.delete(arguments);
    this.#check("delete");
    return later(run());
  }

  deleteAll() {
    throw new OwnError("Cannot call deleteAll() within a transaction");
  }

  /** What was written is forgotten; the function goes on without writing any more through this. */
  rollback() {
    if (this.#course.state === "rolled back") return;
    this.#check("rollback");
    endNow(this.#course.section);
    this.#course.state = "rolled back";
  }

  /** @param {object} [_options] */
  async getAlarm(_options) {
    const run = calls.getAlarm(arguments);
    this.#check("getAlarm");
    return run();
  }

  /** @param {number | Date} _time @param {object} [_options] */
  async setAlarm(_time, _options) {
    const run = calls.setAlarm(arguments);
    this.#check("setAlarm");
    run();
  }

  /** @param {object} [_options] */
  async deleteAlarm(_options) {
    const run = calls.deleteAlarm(arguments);
    this.#check("deleteAlarm");
    run();
  }

  /** @param {string} method */
  #check(method) {
    const { state } = this.#course;
    if (state === "open") return;
    throw new OwnError(
      state === "rolled back"
        ? `Cannot ${method}() on rolled back transaction`
        : `Cannot call ${method}() on transaction that has already committed: did you move ` +
          "`txn` outside of the closure?",
    );
  }
}

/**
 * Runs a function in a transaction and returns what it returns. When it throws, what it wrote is
 * forgotten, and the room goes on.
 * @param {(transaction: DurableObjectTransaction) => unknown} run
 */
export async function transaction(run) {
  const ended = await block(() => attempt(run));
  if (ended.failed) throw ended.error;
  return ended.value;
}

/** @param {(transaction: DurableObjectTransaction) => unknown} run */
async function attempt(run) {
  // What stands behind the call comes before the function, and so do the jobs that are waiting, as
  // in PartyKit.
  await undefined;
  await undefined;
  try {
    const value = await write((section) => runWith({ state: "open", section }, run));
    return { failed: false, value, error: undefined };
  } catch (error) {
    return { failed: true, value: undefined, error };
  }
}

/**
 * @param {Course} course
 * @param {(transaction: DurableObjectTransaction) => unknown} run
 */
async function runWith(course, run) {
  let end = /** @type {Course["state"]} */ ("rolled back");
  try {
    const value = await run(new DurableObjectTransaction(course));
    end = "kept";
    return value;
  } finally {
    if (course.state === "open") course.state = end;
  }
}
