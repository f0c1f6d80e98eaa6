// The list of stored values that the Rust tests of the guest compare with
// (guest-sdk/quickjs/src/tests/values.tsv): here it is checked against the V8 of this Node.
// `UPDATE_VALUES=1 node --test` writes it anew.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import v8 from "node:v8";

const list = new URL("../../quickjs/src/tests/values.tsv", import.meta.url);

/** Expressions, one a case. Errors have their stack set, because engines write it differently. */
const cases = {
  true: "true",
  false: "false",
  zero: "0",
  "negative zero": "-0",
  small: "42",
  negative: "-1",
  "largest int32": "2147483647",
  "smallest int32": "-2147483648",
  "beyond int32": "2147483648",
  fraction: "3.25",
  nan: "NaN",
  infinity: "-Infinity",
  "bigint zero": "0n",
  "bigint small": "123456789n",
  "bigint negative": "-5n",
  "bigint of two words": "2n ** 70n + 1n",
  "empty string": "''",
  ascii: "'hello'",
  "latin-1": "'caf\\u00e9'",
  "two-byte": "'\\u4f60\\u597d'",
  "two-byte at an odd offset": "['x', '\\u4f60']",
  "two-byte at an even offset": "['xy', '\\u4f60']",
  "astral": "'\\u{1f600}'",
  "lone surrogate": "'a\\ud800b'",
  "long string": "'x'.repeat(300)",
  "long two-byte": "'\\u4f60'.repeat(100)",
  date: "new Date(1700000000123)",
  "invalid date": "new Date(NaN)",
  regexp: "/a[b/]c/dgimsuy",
  "regexp with v": "/a/v",
  "empty object": "{}",
  object: "{ a: 1, b: 'two', c: null, d: undefined }",
  "object with indices": "{ b: 1, 7: 'seven', 0: 'zero', a: 2 }",
  "object with huge indices": "{ 4294967294: 1, 4294967295: 2, '01': 3 }",
  "object with a name that goes on behind a zero": "{ '0\\u0000a': 1, '1\\u0000': 2 }",
  "object with __proto__": "JSON.parse('{\"__proto__\": 1}')",
  "class instance": "new (class Point { x = 1; #hidden = 2; get y() { return 3 } })()",
  getter: "{ get now() { return 5 } }",
  "null prototype": "Object.assign(Object.create(null), { a: 1 })",
  nested: "{ a: { b: { c: [1, { d: 2 }] } } }",
  "empty array": "[]",
  array: "[1, 'two', null, undefined, [3]]",
  sparse: "[1, , 3]",
  "only holes": "new Array(5)",
  "array with properties": "Object.assign([1, 2], { name: 'n' })",
  "sparse array with properties": "Object.assign([1, , 2], { name: 'n' })",
  "large array": "Array.from({ length: 300 }, (_, i) => i)",
  map: "new Map([['a', 1], [{ k: 1 }, [2]]])",
  "empty map": "new Map()",
  set: "new Set([1, 'a', NaN, { x: 1 }])",
  cycle: "(() => { const a = { n: 1 }; a.self = a; a.list = [a]; return a })()",
  shared: "(() => { const a = { n: 1 }; return [a, a, { a }] })()",
  "map that holds itself": "(() => { const m = new Map(); m.set('self', m); return m })()",
  buffer: "new Uint8Array([1, 2, 3]).buffer",
  "empty buffer": "new ArrayBuffer(0)",
  "resizable buffer": "new ArrayBuffer(2, { maxByteLength: 8 })",
  uint8: "new Uint8Array([1, 2, 255])",
  int8: "new Int8Array([-1, 2])",
  clamped: "new Uint8ClampedArray([1, 300])",
  int16: "new Int16Array([-2, 500])",
  uint16: "new Uint16Array([1, 60000])",
  int32: "new Int32Array([-3])",
  uint32: "new Uint32Array([4000000000])",
  float32: "new Float32Array([1.5])",
  float64: "new Float64Array([Math.PI])",
  bigint64: "new BigInt64Array([-1n])",
  biguint64: "new BigUint64Array([2n ** 64n - 1n])",
  "data view": "new DataView(new Uint8Array([9, 8, 7, 6]).buffer, 1, 2)",
  "views that share a buffer":
    "(() => { const b = new ArrayBuffer(8); return [new Uint8Array(b, 2, 3), new Uint16Array(b), b] })()",
  "buffer before its view": "(() => { const b = new ArrayBuffer(4); return { b, v: new Uint8Array(b) } })()",
  "boxed number": "Object(5)",
  "boxed string": "Object('s')",
  "boxed true": "Object(true)",
  "boxed false": "Object(false)",
  "boxed bigint": "Object(7n)",
  error: "Object.assign(new Error('plain'), { stack: 'Error: plain\\n    at x' })",
  "type error": "Object.assign(new TypeError('typed'), { stack: 's' })",
  "range error": "Object.assign(new RangeError('r'), { stack: 's' })",
  "error subclass":
    "Object.assign(new (class MyError extends SyntaxError {})('mine'), { stack: 's', extra: 1 })",
  "error without message": "Object.assign(new Error(), { stack: 's' })",
  undefined: "undefined",
  null: "null",
};

/** @param {unknown} value what the room's test stores: it cannot store undefined and skips null */
const stored = (value) => value ?? { nothing: value };

/** The plain serializer: v8.serialize() writes views in a way of Node's own. */
/** @param {unknown} value */
function serialize(value) {
  const serializer = new v8.Serializer();
  serializer.writeHeader();
  serializer.writeValue(value);
  return serializer.releaseBuffer();
}

/** @param {string} code */
const evaluate = (code) => new Function(`return (${code})`)();

if (process.env.UPDATE_VALUES) {
  const lines = Object.entries(cases).map(([name, code]) =>
    `${name}\t${code}\t${serialize(stored(evaluate(code))).toString("hex")}\n`);
  writeFileSync(list, lines.join(""));
}

const lines = readFileSync(list, "utf8").trimEnd().split("\n").map((line) => line.split("\t"));

test("the list holds every case", () => {
  assert.deepEqual(lines.map(([name, code]) => [name, code]), Object.entries(cases));
});

for (const [name, code, hex] of lines) {
  test(`V8 reads the bytes of ${name}`, () => {
    const read = v8.deserialize(Buffer.from(hex, "hex"));
    const made = stored(evaluate(code));
    const plain = Object.getPrototypeOf(made)?.constructor?.name;
    if (["class instance", "getter", "null prototype", "error subclass", "invalid date"].includes(name)) {
      assert.equal(serialize(read).toString("hex"), hex, plain);
    } else {
      assert.ok(isDeepStrictEqual(read, made), `${name} is not the same value`);
    }
  });
}
