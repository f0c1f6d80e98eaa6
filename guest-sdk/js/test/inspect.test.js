// How the log shows values, compared with Node's own console.

import assert from "node:assert/strict";
import { test } from "node:test";
import { format as nodeFormat } from "node:util";
import { format, inspect } from "../internal/inspect.js";

class Point {
  constructor() {
    this.x = 1;
  }
}

const cyclic = { name: "loop" };
cyclic.self = cyclic;

/** Argument lists that are shown exactly as Node shows them. */
const same = {
  "strings and numbers": ["a", "b", 1, -0, 1.5, NaN, 10n],
  "undefined, null and booleans": [undefined, null, true],
  "a string alone": ["%s stays"],
  "percent signs": ["100%% of %s", "it"],
  directives: ["%s|%d|%i|%f|%j|%o|%O|%c|", "s", "42.5", "42.5", "1.5", { a: 1 }, 1, { b: 2 }, "css", "rest"],
  "too few arguments": ["%s and %s", "one"],
  "objects in a text": ["%s", { a: { b: 1 } }],
  "a symbol": [Symbol("x")],
  "an object": [{ a: 1, "b-c": "two", [Symbol("s")]: 3 }],
  "nested objects": [{ a: { b: { c: { d: 1 } } } }],
  "nested arrays": [[[[[1]]]]],
  "an array": [[1, "two", null, undefined, [3]]],
  "an empty array and object": [[], {}],
  holes: [[1, , , 4]],
  "a map": [new Map([["a", { b: 1 }]])],
  "a set": [new Set([1, "x"])],
  "an empty map": [new Map()],
  "a date": [new Date(0)],
  "an invalid date": [new Date(NaN)],
  "a regexp": [/a+/gi],
  "a class instance": [new Point()],
  "no prototype": [Object.assign(Object.create(null), { a: 1 })],
  "functions": [function named() {}, () => {}, class A {}, async () => {}],
  "typed arrays": [new Uint8Array([1, 2]), new Float64Array([1.5])],
  "boxed primitives": [Object(1), Object("s"), Object(false)],
  "getters and setters": [{ get a() { return 1; }, set b(_) {}, get c() { return 1; }, set c(_) {} }],
  "quotes in strings": [["it's", 'say "hi"', `both ' and "`, "line\nbreak"]],
  "long objects break": [{
    first: "a value that takes some space", second: "another value that takes space", third: 3,
  }],
  cycles: [cyclic, { a: [cyclic] }],
  "a class that extends": [class B extends Point {}],
  "boxed bigints and symbols": [Object(1n), Object(Symbol("s"))],
  "a data view": [new DataView(new ArrayBuffer(2))],
  "objects with a text of their own": ["%s %s", { toString: () => "own" }, new Point()],
  "many numbers": [Array.from({ length: 30 }, (_, i) => i)],
  "more numbers than are shown": [Array.from({ length: 120 }, (_, i) => i * 7)],
  "many strings": [Array.from({ length: 27 }, (_, i) => `str${i}`)],
  "many long strings": [Array.from({ length: 9 }, (_, i) => "x".repeat(25 + i))],
  "many bytes": [new Uint8Array(200)],
  "columns in an object": [{ list: Array.from({ length: 40 }, (_, i) => 2 ** i) }],
  "many objects": [Array.from({ length: 8 }, (_, i) => ({ i }))],
  "four levels are not put on one line": [{ a: { b: { c: {} } } }, [[[[]]]]],
  "an array of objects that breaks": [[
    { id: 1, name: "some longer name" }, { id: 2, name: "some longer name" },
    { id: 3, name: "some longer name" },
  ]],
};

for (const [name, args] of Object.entries(same)) {
  test(`${name} look as in Node`, () => {
    assert.equal(format(args), nodeFormat(...args));
  });
}

test("what says itself how it is shown is shown so", () => {
  const own = { [Symbol.for("nodejs.util.inspect.custom")]: () => "<own>" };
  assert.equal(inspect([own]), "[ <own> ]");
});

test("an error has its name, message, stack, properties and cause", () => {
  const error = Object.assign(new TypeError("bad", { cause: new Error("why") }), { code: 7 });
  error.stack = "    at here (bundle.js:1:2)\n";
  error.cause.stack = "    at there (bundle.js:3:4)\n";
  assert.equal(
    inspect(error),
    "TypeError: bad\n    at here (bundle.js:1:2) {\n  code: 7,\n" +
      "  [cause]: Error: why\n      at there (bundle.js:3:4)\n}",
  );
});

test("of a very long message the beginning is shown", () => {
  const error = new Error("x".repeat(70_000));
  error.stack = "    at here (bundle.js:1:2)\n";
  const expected = `Error: ${"x".repeat(65_536)}... 4464 more characters\n    at here (bundle.js:1:2)`;
  assert.equal(inspect(error), expected);
});

test("an error whose stack begins with its title is not titled twice", () => {
  const error = new Error("once");
  assert.equal(inspect(error).match(/once/g).length, 1);
});

test("what throws while it is shown does not end the log", () => {
  const odd = { get [Symbol.toStringTag]() { throw new Error("no"); } };
  assert.throws(() => inspect(odd));
});
