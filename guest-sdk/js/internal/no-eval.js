// No code from strings: `eval` and the constructors of functions throw, as in the reference. What
// a room runs is what was deployed; and the engine's parser, unlike the rest of it, cannot tell
// how deep it has recursed.

import { expose } from "./webidl.js";

const MESSAGE = "Code generation from strings disallowed for this context";

/** @param {Function} maker @returns {Function} the same by its looks, but refusing */
function refusing(maker) {
  const refuse = function () {
    throw new EvalError(MESSAGE);
  };
  Object.defineProperty(refuse, "name", { value: maker.name, configurable: true });
  Object.defineProperty(refuse, "prototype", { value: maker.prototype });
  if (maker.prototype !== undefined) {
    Object.defineProperty(maker.prototype, "constructor", { value: refuse });
  }
  return refuse;
}

const AsyncFunction = (async () => {}).constructor;
const GeneratorFunction = (function* () {}).constructor;
const AsyncGeneratorFunction = (async function* () {}).constructor;

const refusingFunction = refusing(Function);
for (const maker of [AsyncFunction, GeneratorFunction, AsyncGeneratorFunction]) {
  Object.setPrototypeOf(refusing(maker), refusingFunction);
}
expose({ Function: refusingFunction, eval: refusing(eval) });
