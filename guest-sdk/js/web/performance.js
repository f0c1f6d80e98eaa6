// `performance`: the host's clocks, read anew at every call.

import { life } from "../internal/life.js";
import { native } from "../internal/native.js";
import { asInterface } from "../internal/webidl.js";

const { now, monotonic } = native.clock;

/**
 * A room's time does not begin with that of the code that it was made from, which may have looked
 * at the clock while it was evaluated, days ago.
 * @returns {number} milliseconds since the room, or the code, first looked at the clock
 */
export function sinceStart() {
  const moment = monotonic();
  if (life.clockBegan === 0) {
    life.clockBegan = moment;
    life.timeOrigin = now();
  }
  return moment - life.clockBegan;
}

class Performance {
  /** @returns {number} */
  now() { return sinceStart(); }
  get timeOrigin() {
    sinceStart();
    return life.timeOrigin;
  }
  toJSON() { return { timeOrigin: this.timeOrigin }; }
}

asInterface(Performance, "now", "timeOrigin", "toJSON");

export const performance = new Performance();
