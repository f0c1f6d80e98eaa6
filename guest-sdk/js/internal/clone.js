// What the serializer of stored values (guest-sdk/quickjs/src/natives/value) needs JavaScript for:
// looking into built-in objects and making them. Everything is taken from the built-ins before
// code of the user can change them.

import { native } from "./native.js";

const apply = Reflect.apply;
const describeProperty = Object.getOwnPropertyDescriptor;
const defineProperty = Object.defineProperty;

/** @param {object} object @param {string} name @returns {(this: any) => any} */
const getter = (object, name) =>
  /** @type {() => any} */ (describeProperty(object, name)?.get);

const mapForEach = Map.prototype.forEach;
const setForEach = Set.prototype.forEach;
const mapSet = Map.prototype.set;
const setAdd = Set.prototype.add;
const getTime = Date.prototype.getTime;
const bigintToString = BigInt.prototype.toString;
const functionToString = Function.prototype.toString;
const symbolToString = Symbol.prototype.toString;
const regexpSource = getter(RegExp.prototype, "source");
const regexpFlags = getter(RegExp.prototype, "flags");
const bufferResizable = getter(ArrayBuffer.prototype, "resizable");
const bufferMaximum = getter(ArrayBuffer.prototype, "maxByteLength");
const TypedArray = Object.getPrototypeOf(Uint8Array.prototype);

/** @type {Record<string, Function>} */
const views = {
  Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array,
  Float32Array, Float64Array, BigInt64Array, BigUint64Array, DataView,
};
if ("Float16Array" in globalThis) {
  views.Float16Array = /** @type {any} */ (globalThis).Float16Array;
}

/** @type {Record<string, ErrorConstructor>} */
const errors = {
  Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError,
};
const unboxers = [
  Number.prototype.valueOf, String.prototype.valueOf, Boolean.prototype.valueOf,
  BigInt.prototype.valueOf,
];
const { Map: MapClass, Set: SetClass, Date: DateClass, RegExp: RegExpClass, ArrayBuffer: Buffer } =
  globalThis;
const { Object: box, BigInt: bigint, Uint8Array: Bytes } = globalThis;

/**
 * A getter of a view: those of DataView and of the typed arrays are different functions.
 * @param {ArrayBufferView} view @param {string} name
 */
function viewProperty(view, name) {
  const owner = view instanceof DataView ? DataView.prototype : TypedArray;
  return apply(/** @type {() => any} */ (getters[name].get(owner)), view, []);
}

/** @type {Record<string, Map<object, () => any>>} */
const getters = {};
for (const name of ["buffer", "byteOffset", "byteLength"]) {
  getters[name] = new Map([
    [DataView.prototype, getter(DataView.prototype, name)],
    [TypedArray, getter(TypedArray, name)],
  ]);
}

/**
 * Own data properties only, as the reference's serializer looks at errors.
 * @param {object} object @param {string} name
 */
function ownValue(object, name) {
  const property = describeProperty(object, name);
  return property !== undefined && "value" in property ? property : undefined;
}

/** @param {object} target @param {string} name @param {unknown} value */
function hidden(target, name, value) {
  defineProperty(target, name, { value, writable: true, configurable: true, enumerable: false });
}

native.value.support({
  /** @param {Map<unknown, unknown>} map */
  mapEntries(map) {
    /** @type {unknown[]} */
    const flat = [];
    apply(mapForEach, map, [(/** @type {unknown} */ value, /** @type {unknown} */ key) => {
      flat[flat.length] = key;
      flat[flat.length] = value;
    }]);
    return flat;
  },
  /** @param {Set<unknown>} set */
  setValues(set) {
    /** @type {unknown[]} */
    const flat = [];
    apply(setForEach, set, [(/** @type {unknown} */ value) => { flat[flat.length] = value; }]);
    return flat;
  },
  newMap: () => new MapClass(),
  newSet: () => new SetClass(),
  /** @param {Map<unknown, unknown>} map @param {unknown} key @param {unknown} value */
  mapSet(map, key, value) { apply(mapSet, map, [key, value]); },
  /** @param {Set<unknown>} set @param {unknown} value */
  setAdd(set, value) { apply(setAdd, set, [value]); },

  /** @param {Date} date */
  dateTime: (date) => apply(getTime, date, []),
  /** @param {number} time */
  newDate: (time) => new DateClass(time),
  /** @param {RegExp} regexp */
  regexpParts: (regexp) => [apply(regexpSource, regexp, []), apply(regexpFlags, regexp, [])],
  /** @param {string} source @param {string} flags */
  newRegExp: (source, flags) => new RegExpClass(source, flags),

  /** @param {object} boxed */
  unbox(boxed) {
    for (const valueOf of unboxers) {
      try {
        return apply(valueOf, boxed, []);
      } catch {
        // Another kind of box.
      }
    }
  },
  /** @param {unknown} primitive */
  box: (primitive) => box(primitive),
  /** @param {bigint} value */
  bigintHex: (value) => apply(bigintToString, value, [16]),
  /** @param {string} hex @param {boolean} negative */
  newBigInt: (hex, negative) => (negative ? -bigint(`0x${hex}`) : bigint(`0x${hex}`)),

  /** @param {Error} error */
  errorParts(error) {
    const message = ownValue(error, "message");
    const stack = error.stack;
    const parts = [
      `${error.name}`,
      message && `${message.value}`,
      typeof stack === "string" ? stack : undefined,
    ];
    const cause = ownValue(error, "cause");
    return cause === undefined ? parts : [...parts, cause.value];
  },
  /**
   * @param {string} name @param {string | undefined} message @param {string | undefined} stack
   * @param {boolean} hasCause @param {unknown} cause
   */
  newError(name, message, stack, hasCause, cause) {
    const error = new errors[name]();
    if (message !== undefined) hidden(error, "message", message);
    hidden(error, "stack", stack);
    if (hasCause) hidden(error, "cause", cause);
    return error;
  },

  /** @param {ArrayBuffer} buffer */
  bufferMaximum: (buffer) =>
    apply(bufferResizable, buffer, []) ? apply(bufferMaximum, buffer, []) : undefined,
  /** @param {ArrayBuffer} bytes @param {number} maxByteLength */
  resizable(bytes, maxByteLength) {
    const buffer = new Buffer(bytes.byteLength, /** @type {any} */ ({ maxByteLength }));
    new Bytes(buffer).set(new Bytes(bytes));
    return buffer;
  },
  /** @param {ArrayBufferView} view */
  viewBuffer: (view) => viewProperty(view, "buffer"),
  /** @param {ArrayBufferView} view */
  viewPlace(view) {
    const resizable = apply(bufferResizable, viewProperty(view, "buffer"), []);
    const flags = resizable ? 2 : 0;
    return [viewProperty(view, "byteOffset"), viewProperty(view, "byteLength"), flags];
  },
  /**
   * @param {string} name @param {ArrayBuffer} buffer @param {number} offset
   * @param {number | undefined} length
   */
  newView: (name, buffer, offset, length) => Reflect.construct(views[name], [buffer, offset, length]),

  /**
   * How the reference names what it cannot clone.
   * @param {unknown} value
   */
  describe(value) {
    if (typeof value === "function") return apply(functionToString, value, []);
    if (typeof value === "symbol") return apply(symbolToString, value, []);
    const maker = /** @type {object} */ (value).constructor;
    return `#<${typeof maker === "function" && maker.name ? maker.name : "Object"}>`;
  },
});
