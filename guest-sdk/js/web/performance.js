// `performance`: the host's clocks, read anew at every call.

import { native } from "../internal/native.js";
import { asInterface } from "../internal/webidl.js";

const { now, monotonic } = native.clock;
/** Both are taken at the first use: code that is only loaded belongs to no moment. */
let begin = 0;
let timeOrigin = 0;

/** @returns {number} milliseconds since the guest first looked at the clock */
export function sinceStart() {
  const moment = monotonic();
  if (begin === 0) {
    begin = moment;
    timeOrigin = now();
  }
  return moment - begin;
}

/**
 * A room begins: its time does not begin with that of the code that it was made from, which may have
 * looked at the clock while it was evaluated, days ago.
 */
export function restartClock() {
  if (begin !== 0) begin = timeOrigin = 0;
}

class Performance {
  /** @returns {number} */
  now() { return sinceStart(); }
  get timeOrigin() {
    sinceStart();
    return timeOrigin;
  }
  toJSON() { return { timeOrigin: this.timeOrigin }; }
}

asInterface(Performance, "now", "timeOrigin", "toJSON");

export const performance = new Performance();
