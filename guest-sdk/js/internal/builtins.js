// The engine makes most of its built-in functions when they are first asked for. A room that did so
// would write into the objects they hang on, which lie all over the image it began with: so all of
// them are asked for once, before there is an image.

/** Everything that can be reached from the global object is there afterwards. */
export function makeBuiltins() {
  /** @type {any[]} */
  const found = [
    globalThis,
    Object.getPrototypeOf(function* () {}),
    Object.getPrototypeOf(async function () {}),
    Object.getPrototypeOf(async function* () {}),
    Object.getPrototypeOf([][Symbol.iterator]()),
    Object.getPrototypeOf(new Map().entries()),
    Object.getPrototypeOf(new Set().entries()),
    Object.getPrototypeOf(""[Symbol.iterator]()),
    Object.getPrototypeOf("".matchAll(/x/g)),
  ];
  const seen = new Set(found);
  const add = (/** @type {any} */ value) => {
    if (value === null || (typeof value !== "object" && typeof value !== "function")) return;
    if (seen.has(value)) return;
    seen.add(value);
    found.push(value);
  };
  for (const object of found) {
    add(Object.getPrototypeOf(object));
    for (const { value, get, set } of Object.values(Object.getOwnPropertyDescriptors(object))) {
      add(value);
      add(get);
      add(set);
    }
  }
}
