// Values as text for the log, in the manner of Node's console: nested objects to a depth of two,
// one line when it fits, quotes around strings inside of objects, errors with their stack.

import { cut, quote } from "./texts.js";

// What Node assumes of a line, and how much of it brackets and indentation are thought to need.
const LINE = 80;
const RESERVE = 10;
// An object with more levels than this inside of it is not put on one line.
const LEVELS_ON_A_LINE = 3;
// Arrays with more elements than this are set in columns, of which there are so many at most.
const UNGROUPED_MAX = 6;
const COLUMNS_MAX = 12;
// How many times higher than wide a character is, so that the columns look about square.
const CHARACTER_HEIGHT = 2.5;
const CUSTOM = Symbol.for("nodejs.util.inspect.custom");
const ITEMS_MAX = 100;
const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;

/**
 * `deepest`: the level of the object that was begun last. `cycles`: objects that contain
 * themselves, with their numbers.
 * @typedef {{
 *   depth: number, seen: unknown[], deepest: number, cycles: Map<object, number>,
 * }} State
 */

/**
 * One value. Strings are shown with quotes.
 * @param {unknown} value
 * @param {number} [depth] how many levels of objects are opened
 * @returns {string}
 */
export function inspect(value, depth = 2) {
  return show(value, 0, { depth, seen: [], deepest: 0, cycles: new Map() });
}

/**
 * The arguments of a console call: `%s` and the like in a first string, then the rest.
 * @param {unknown[]} args
 * @returns {string}
 */
export function format(args) {
  let rest = args;
  let text = "";
  if (typeof args[0] === "string") {
    let used = 1;
    const fill = (/** @type {string} */ whole, /** @type {string} */ kind) => {
      if (kind === "%") return args.length > 1 ? "%" : whole;
      if (used >= args.length) return whole;
      return directive(kind, args[used++]);
    };
    text = args.length > 1 ? args[0].replace(/%([sdifjoOc%])/g, fill) : args[0];
    rest = args.slice(used);
    if (rest.length > 0) text += " ";
  }
  return text + rest.map((arg) => (typeof arg === "string" ? arg : inspect(arg))).join(" ");
}

/** @param {string} kind @param {unknown} arg @returns {string} */
function directive(kind, arg) {
  switch (kind) {
    case "s":
      if (typeof arg !== "object" || arg === null) return text(arg);
      return hasOwnText(arg) ? `${arg}` : inspect(arg, 0);
    case "d":
    case "i":
    case "f":
      return number(kind, arg);
    case "j":
      try {
        return `${JSON.stringify(arg)}`;
      } catch {
        return "[Circular]";
      }
    case "o":
      return inspect(arg, 4);
    case "O":
      return inspect(arg);
    default: // %c is for styles, which a log has none of.
      return "";
  }
}

/** @param {string} kind @param {unknown} arg @returns {string} */
function number(kind, arg) {
  if (typeof arg === "symbol" || (typeof arg === "object" && arg !== null)) return "NaN";
  if (typeof arg === "bigint") return `${arg}n`;
  const value = Number(arg);
  if (kind === "i") return `${Number.parseInt(`${arg}`, 10)}`;
  if (kind === "f") return `${Number.parseFloat(`${arg}`)}`;
  return Object.is(value, -0) ? "-0" : `${value}`;
}

/** Whether an object says itself how it is written. @param {object} value @returns {boolean} */
function hasOwnText(value) {
  if (value instanceof Error || value instanceof Date) return value instanceof Error;
  for (let at = value; at !== null; at = Object.getPrototypeOf(at)) {
    if (!Object.hasOwn(at, "toString")) continue;
    const maker = Object.getOwnPropertyDescriptor(at, "constructor")?.value;
    return typeof maker !== "function" || !BUILT_IN.includes(maker);
  }
  return false;
}

/** A primitive without quotes. @param {unknown} value @returns {string} */
function text(value) {
  if (typeof value === "bigint") return `${value}n`;
  if (Object.is(value, -0)) return "-0";
  return typeof value === "symbol" ? value.toString() : `${value}`;
}

// Whose `toString` says less than `inspect` does.
const BUILT_IN = [
  Object, Array, Function, Map, Set, RegExp, Promise, String, Number, Boolean, ArrayBuffer,
  Object.getPrototypeOf(Uint8Array),
];

/** @param {unknown} value @param {number} level @param {State} state @returns {string} */
function show(value, level, state) {
  if (typeof value === "string") return quote(value);
  if (typeof value === "function") return showFunction(value, level, state);
  if (typeof value !== "object" || value === null) return text(value);
  if (state.seen.includes(value)) {
    if (!state.cycles.has(value)) state.cycles.set(value, state.cycles.size + 1);
    return `[Circular *${state.cycles.get(value)}]`;
  }
  state.seen.push(value);
  try {
    return showObject(value, level, state);
  } finally {
    state.seen.pop();
  }
}

/** @param {Function} value @param {number} level @param {State} state @returns {string} */
function showFunction(value, level, state) {
  const source = Function.prototype.toString.call(value);
  const name = value.name ? `: ${value.name}` : " (anonymous)";
  const parent = Object.getPrototypeOf(value)?.name;
  const kind = source.startsWith("class")
    ? `class ${value.name || "(anonymous)"}${parent ? ` extends ${parent}` : ""}`
    : `${Object.prototype.toString.call(value).slice(8, -1)}${name}`;
  const keys = Object.keys(value);
  if (keys.length === 0) return `[${kind}]`;
  const items = entries(value, keys, level, state);
  return braces({ value, label: `[${kind}]`, brackets: "{}", items }, level, state);
}

/** @param {object} value @param {number} level @param {State} state @returns {string} */
function showObject(value, level, state) {
  const own = /** @type {any} */ (value)[CUSTOM];
  if (typeof own === "function") {
    const shown = own.call(value, state.depth - level, {}, inspect);
    if (shown !== value) return typeof shown === "string" ? shown : show(shown, level, state);
  }
  const keys = propertyKeys(value);
  if (value instanceof Error) return showError(value, keys, level, state);
  const simple = showSimple(value);
  if (simple !== undefined) {
    if (keys.length === 0) return simple;
    const items = entries(value, keys, level, state);
    return braces({ value, label: simple, brackets: "{}", items }, level, state);
  }
  const name = nameOf(value);
  const list = Array.isArray(value);
  // What has nothing in it is shown as it is, however deep it lies.
  if (keys.length > 0 || (list ? value.length > 0 : value instanceof Map || value instanceof Set)) {
    if (level > state.depth) return `[${list ? "Array" : name || "Object"}]`;
    state.deepest = level;
  }
  if (Array.isArray(value)) {
    const label = name === "Array" ? "" : `${name}(${value.length})`;
    const items = [...elements(value, level, state), ...entries(value, keys, level, state)];
    return braces({ value, label, brackets: "[]", items, columns: true }, level, state);
  }
  const special = showCollection(value, name, level, state);
  if (special !== undefined) {
    const items = [...special.items, ...entries(value, keys, level, state)];
    return braces({ ...special, value, items, columns: ArrayBuffer.isView(value) }, level, state);
  }
  const tag = /** @type {any} */ (value)[Symbol.toStringTag];
  const extra = typeof tag === "string" && tag !== "" && tag !== name ? ` [${tag}]` : "";
  const label = name === "Object" && extra === "" ? "" : `${name}${extra}`;
  const items = entries(value, keys, level, state);
  return braces({ value, label, brackets: "{}", items }, level, state);
}

/** Own enumerable names that are no array elements, and symbols. @param {object} value */
function propertyKeys(value) {
  const indexed = Array.isArray(value) || (ArrayBuffer.isView(value) && !isDataView(value)) ||
    value instanceof String;
  const names = indexed
    ? Object.keys(value).filter((key) => !/^(0|[1-9]\d*)$/.test(key))
    : Object.keys(value);
  const symbols = Object.getOwnPropertySymbols(value)
    .filter((key) => Object.prototype.propertyIsEnumerable.call(value, key));
  return [...names, ...symbols];
}

/** @param {unknown} value */
const isDataView = (value) => value instanceof DataView;

/** @param {object} value @returns {string} */
function nameOf(value) {
  for (let at = value; at !== null; at = Object.getPrototypeOf(at)) {
    const maker = Object.getOwnPropertyDescriptor(at, "constructor");
    if (typeof maker?.value === "function" && maker.value.name !== "") return maker.value.name;
  }
  return "[Object: null prototype]";
}

/** Objects that are shown like a primitive. @param {object} value @returns {string | undefined} */
function showSimple(value) {
  if (value instanceof Date) {
    return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
  }
  if (value instanceof RegExp) return RegExp.prototype.toString.call(value);
  if (value instanceof String) return `[String: ${quote(value.valueOf())}]`;
  if (value instanceof Number) return `[Number: ${text(value.valueOf())}]`;
  if (value instanceof Boolean) return `[Boolean: ${value.valueOf()}]`;
  if (value instanceof BigInt) return `[BigInt: ${text(value.valueOf())}]`;
  if (value instanceof Symbol) return `[Symbol: ${text(value.valueOf())}]`;
  if (value instanceof Promise) return "Promise {}";
  if (value instanceof WeakMap) return "WeakMap { <items unknown> }";
  if (value instanceof WeakSet) return "WeakSet { <items unknown> }";
  return undefined;
}

/** @param {object} value @param {string} name @param {number} level @param {State} state */
function showCollection(value, name, level, state) {
  if (value instanceof Map) {
    const items = limited([...value], value.size, ([key, item]) =>
      `${show(key, level + 1, state)} => ${show(item, level + 1, state)}`);
    return { label: `${name}(${value.size})`, brackets: "{}", items };
  }
  if (value instanceof Set) {
    const items = limited([...value], value.size, (item) => show(item, level + 1, state));
    return { label: `${name}(${value.size})`, brackets: "{}", items };
  }
  if (ArrayBuffer.isView(value) && !isDataView(value)) {
    const array = /** @type {Uint8Array} */ (value);
    const items = limited(Array.from(array.subarray(0, ITEMS_MAX)), array.length, text);
    return { label: `${name}(${array.length})`, brackets: "[]", items };
  }
  if (isDataView(value)) {
    const view = /** @type {DataView} */ (value);
    const items = ["byteLength", "byteOffset"].map((key) => `${key}: ${/** @type {any} */ (view)[key]}`);
    items.push(`buffer: ${show(view.buffer, level + 1, state)}`);
    return { label: name, brackets: "{}", items };
  }
  if (value instanceof ArrayBuffer) {
    const bytes = Array.from(new Uint8Array(value, 0, Math.min(50, value.byteLength)));
    const hex = bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const left = value.byteLength - bytes.length;
    const more = left > 0 ? ` ... ${left} more bytes` : "";
    const items = [`[Uint8Contents]: <${hex}${more}>`, `byteLength: ${value.byteLength}`];
    return { label: name, brackets: "{}", items };
  }
  return undefined;
}

/** @template T @param {T[]} list @param {number} size @param {(item: T) => string} shown */
function limited(list, size, shown) {
  const items = list.slice(0, ITEMS_MAX).map((item) => shown(item));
  const left = size - items.length;
  if (left > 0) items.push(`... ${left} more item${left > 1 ? "s" : ""}`);
  return items;
}

/** @param {unknown[]} array @param {number} level @param {State} state @returns {string[]} */
function elements(array, level, state) {
  /** @type {string[]} */
  const items = [];
  let index = 0;
  while (index < array.length && items.length < ITEMS_MAX) {
    if (index in array) {
      items.push(show(array[index++], level + 1, state));
      continue;
    }
    const from = index;
    while (index < array.length && !(index in array)) index++;
    items.push(`<${index - from} empty item${index - from > 1 ? "s" : ""}>`);
  }
  const left = array.length - index;
  if (left > 0) items.push(`... ${left} more item${left > 1 ? "s" : ""}`);
  return items;
}

/**
 * @param {object} value @param {(string | symbol)[]} keys @param {number} level
 * @param {State} state @returns {string[]}
 */
function entries(value, keys, level, state) {
  if (level > state.depth) return [];
  return keys.map((key) => {
    const property = Object.getOwnPropertyDescriptor(value, key);
    const label = typeof key === "symbol"
      ? `[${key.toString()}]`
      : IDENTIFIER.test(key) ? key : quote(key);
    if (property?.get) return `${label}: [Getter${property.set ? "/Setter" : ""}]`;
    if (property?.set) return `${label}: [Setter]`;
    return `${label}: ${show(property?.value, level + 1, state)}`;
  });
}

/** @param {Error} error @param {(string | symbol)[]} keys @param {number} level @param {State} state */
function showError(error, keys, level, state) {
  const name = `${error.name || "Error"}`;
  const message = cut(`${error.message ?? ""}`);
  const title = message === "" ? name : `${name}: ${message}`;
  const stack = typeof error.stack === "string" ? cut(error.stack).trimEnd() : "";
  const whole = stack.startsWith(title) ? stack : stack === "" ? `[${title}]` : `${title}\n${stack}`;
  const shown = keys.filter((key) => !["message", "stack", "cause"].includes(`${String(key)}`));
  const items = entries(error, shown, level, state);
  if ("cause" in error && level <= state.depth) {
    items.push(`[cause]: ${show(error.cause, level + 1, state)}`);
  }
  const indented = whole.replaceAll("\n", `\n${"  ".repeat(level)}`);
  if (items.length === 0) return indented;
  return braces({ value: error, label: indented, brackets: "{}", items, broken: true }, level, state);
}

/**
 * Items between brackets: in columns when they are many, on one line when they fit, else one a
 * line.
 * @param {{
 *   value: object, label: string, brackets: string, items: string[], columns?: boolean,
 *   broken?: boolean,
 * }} parts
 * @param {number} level @param {State} state
 */
function braces({ value, label, brackets, items, columns = false, broken = false }, level, state) {
  const [open, close] = brackets;
  const cycle = state.cycles.get(value);
  const name = cycle === undefined ? label : `<ref *${cycle}> ${label}`.trimEnd();
  const front = name === "" ? open : `${name} ${open}`;
  if (items.length === 0) return front + close;
  const rows = columns && items.length > UNGROUPED_MAX ? inColumns(items, level, value) : items;
  if (rows === items && !broken && state.deepest - level < LEVELS_ON_A_LINE) {
    const needed = 2 * items.length + 2 * level + front.length + RESERVE;
    const length = items.reduce((sum, item) => sum + item.length, needed);
    if (length <= LINE && !items.some((item) => item.includes("\n"))) {
      return `${front} ${items.join(", ")} ${close}`;
    }
  }
  const indent = `\n${"  ".repeat(level)}`;
  return `${front}${indent}  ${rows.join(`,${indent}  `)}${indent}${close}`;
}

/**
 * Elements of an array in rows of equal columns, numbers to the right; the same list when they
 * are too long or too different for that.
 * @param {string[]} items @param {number} level @param {object} value @returns {string[]}
 */
function inColumns(items, level, value) {
  const more = items.at(-1)?.startsWith("... ") ? 1 : 0;
  const count = items.length - more;
  const lengths = items.slice(0, count).map((item) => item.length + 2);
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const widest = Math.max(...lengths);
  const fits = widest * 3 + 2 * level < LINE && (total / widest > 5 || widest <= 8);
  if (!fits) return items;
  const usual = Math.max(widest - 3 - Math.sqrt(widest - total / items.length), 1);
  const columns = Math.min(
    Math.round(Math.sqrt(CHARACTER_HEIGHT * usual * count) / usual),
    Math.floor((LINE - 2 * level) / widest),
    COLUMNS_MAX,
  );
  if (columns <= 1) return items;
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(0, ...lengths.filter((_, at) => at % columns === column)));
  const list = Array.from(/** @type {ArrayLike<unknown>} */ (value));
  const numbers = list.every((item) => typeof item === "number" || typeof item === "bigint");
  const rows = [];
  for (let from = 0; from < count; from += columns) {
    const row = items.slice(from, Math.min(from + columns, count));
    const last = row.length - 1;
    rows.push(row.map((item, column) => {
      const cell = column === last ? item : `${item}, `;
      const width = widths[column] - (column === last ? 2 : 0);
      if (numbers) return cell.padStart(width);
      return column === last ? cell : cell.padEnd(width);
    }).join(""));
  }
  if (more > 0) rows.push(items[count]);
  return rows;
}
