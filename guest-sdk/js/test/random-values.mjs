// Random values for guest-sdk/quickjs/src/tests/random_values.rs: `random-values.mjs SEED COUNT
// AT_ONCE` writes so many as V8 writes them, so many at once, and expects as many back on its
// standard input. Each is its length in four bytes, and itself.
//
// What comes back must be the value that was sent, and nearly always the very bytes: they differ
// where V8 keeps a whole number as a double, as it does in a list of doubles.

import { readSync, writeSync } from "node:fs";
import { inspect, isDeepStrictEqual } from "node:util";
import { Deserializer, Serializer } from "node:v8";

const [seed, count, atOnce] = process.argv.slice(2).map(Number);
const DEPTH_MAX = 5;

let state = BigInt(seed);
/** SplitMix64: a number below `end`. */
function below(end) {
  state = BigInt.asUintN(64, state + 0x9e3779b97f4a7c15n);
  let mixed = state;
  mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 30n)) * 0xbf58476d1ce4e5b9n);
  mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn);
  return Number((mixed ^ (mixed >> 31n)) % BigInt(end));
}
const pick = (list) => list[below(list.length)];
const times = (most, make) => Array.from({ length: below(most + 1) }, make);

const NUMBERS = [
  0, -0, 1, -1, NaN, Infinity, -Infinity, 2 ** 30, -(2 ** 30), 2 ** 30 - 1, -(2 ** 30) - 1,
  2 ** 31 - 1, 2 ** 31, -(2 ** 31), -(2 ** 31) - 1, 2 ** 32, 2 ** 53, 5e-324, 1.7976931348623157e308, 0.1,
];
const LETTERS = ["a", "Z", "0", "\0", "é", "ÿ", "Ā", "€", "\ud83d\ude00", "\ud800", "\udc00", "\uffff"];
const ERRORS = [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError];
const VIEWS = [
  Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array,
  Float32Array, Float64Array, BigInt64Array, BigUint64Array, DataView,
];

function text() {
  const letters = below(2) === 0 ? LETTERS.slice(0, 6) : LETTERS;
  // Joined, so that V8 keeps one text and not a tree of them.
  return Buffer.from(times(below(20) === 0 ? 300 : 12, () => pick(letters)).join(""), "utf16le")
    .toString("utf16le");
}

function number() {
  if (below(3) === 0) return pick(NUMBERS);
  if (below(2) === 0) return below(2 ** 32) - 2 ** 31;
  return (below(2 ** 32) / 2 ** 16 - 2 ** 15) * 10 ** (below(600) - 300);
}

function bigint() {
  const digits = times(5, () => BigInt(below(2 ** 32)));
  const magnitude = digits.reduce((sum, digit) => (sum << 32n) | digit, 0n);
  return below(2) === 0 ? magnitude : -magnitude;
}

function bytes() {
  const buffer = new ArrayBuffer(8 * below(6));
  const view = new Uint8Array(buffer);
  for (let index = 0; index < view.length; index++) view[index] = below(256);
  return buffer;
}

function view(buffer = bytes()) {
  const View = pick(VIEWS);
  const size = View.BYTES_PER_ELEMENT ?? 1;
  const all = buffer.byteLength / size;
  const offset = below(all + 1);
  return new View(buffer, offset * size, below(all - offset + 1));
}

function error() {
  const made = new (pick(ERRORS))(text());
  if (below(3) === 0) made.stack = text();
  if (below(4) === 0) delete made.stack;
  if (below(8) === 0) delete made.message;
  return made;
}

/** @param {unknown[]} made objects made before, which may be met again */
function value(made, depth) {
  const kinds = depth >= DEPTH_MAX ? 9 : 22;
  const kind = below(kinds);
  switch (kind) {
    case 0: return undefined;
    case 1: return null;
    case 2: return below(2) === 0;
    case 3: case 4: return number();
    case 5: return bigint();
    case 6: case 7: return text();
    case 8: return made.length > 0 ? pick(made) : text();
  }
  const object = kind < 16 ? filled(kind, made, depth) : leaf(kind, made);
  if (kind >= 16) made.push(object);
  return object;
}

function leaf(kind, made) {
  switch (kind) {
    // Node calls no invalid date equal to another.
    case 16: return new Date(below(2 ** 42) - 2 ** 41);
    case 17: return new RegExp(pick(["a", "[^/]+", "(?:)", "\\/", "é"]), pick(["", "g", "gimsuy", "iu", "d"]));
    case 18: return Object(pick([true, false, number(), text(), bigint()]));
    case 19: return bytes();
    case 20: return view(below(2) === 0 ? made.find((it) => it instanceof ArrayBuffer) : undefined);
    default: return error();
  }
}

/** Those that may contain themselves. */
function filled(kind, made, depth) {
  const next = () => value(made, depth + 1);
  const enter = (object) => {
    made.push(object);
    return object;
  };
  switch (kind) {
    case 9: case 10: {
      const object = enter({});
      for (const key of times(5, () => (below(3) === 0 ? below(2 ** 20) : text()))) object[key] = next();
      return object;
    }
    case 11: {
      const array = enter([]);
      for (let left = below(6); left > 0; left--) array.push(next());
      if (below(4) === 0) array[text()] = next();
      return array;
    }
    case 12: {
      const array = enter([]);
      array.length = below(12);
      for (const at of times(4, () => below(20))) array[at] = next();
      return array;
    }
    case 13: {
      const map = enter(new Map());
      for (let left = below(5); left > 0; left--) map.set(next(), next());
      return map;
    }
    case 14: {
      const set = enter(new Set());
      for (let left = below(5); left > 0; left--) set.add(next());
      return set;
    }
    default: {
      const array = enter(Array.from({ length: below(50) }, (_, index) => index + 0.5));
      if (array.length > 0 && below(2) === 0) array[below(array.length)] = next();
      return array;
    }
  }
}

// Those of Node itself write views in a way of its own.
function serialize(value) {
  const serializer = new Serializer();
  serializer.writeHeader();
  serializer.writeValue(value);
  return serializer.releaseBuffer();
}

function deserialize(bytes) {
  const deserializer = new Deserializer(bytes);
  deserializer.readHeader();
  return deserializer.readValue();
}

function writeAll(buffer) {
  for (let done = 0; done < buffer.length;) {
    try {
      done += writeSync(1, buffer, done);
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
    }
  }
}

function readAll(length) {
  const buffer = Buffer.alloc(length);
  for (let done = 0; done < length;) {
    try {
      const read = readSync(0, buffer, done, length - done);
      if (read === 0) throw new Error("no more values come back");
      done += read;
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
    }
  }
  return buffer;
}

const readFrame = () => readAll(readAll(4).readUInt32LE(0));

let other = 0;
for (let left = count; left > 0; left -= atOnce) {
  const sent = Array.from({ length: Math.min(atOnce, left) }, () => {
    // In a list, because undefined alone cannot be stored.
    const original = [value([], 0)];
    return { original, written: serialize(original) };
  });
  for (const { written } of sent) {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(written.length);
    writeAll(Buffer.concat([length, written]));
  }
  for (const { original, written } of sent) {
    const back = readFrame();
    if (back.equals(written)) continue;
    other++;
    const read = deserialize(back);
    if (isDeepStrictEqual(read, original)) continue;
    console.error("sent", inspect(original, { depth: 9 }), written.toString("hex"));
    console.error("back", inspect(read, { depth: 9 }), back.toString("hex"));
    process.exit(1);
  }
}
if (other > count / 10) {
  console.error(`${other} of ${count} were written otherwise than V8 writes them`);
  process.exit(1);
}
