// Values as text for the log, in the manner of Node's console: nested objects to a depth of two,
// one line when it fits, quotes around strings inside of objects, errors with their stack.

const LINE = 76;
const ITEMS_MAX = 100;
const TEXT_MAX = 10_000;
const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;

/** @typedef {{ depth: number, seen: unknown[] }} State */

/**
 * One value. Strings are shown with quotes.
 * @param {unknown} value
 * @param {number} [depth] how many levels of objects are opened
 * @returns {string}
 */
export function inspect(value, depth = 2) {
  return show(value, 0, { depth, seen: [] });
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
      return typeof arg === "object" && arg !== null ? inspect(arg, 0) : text(arg);
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

/** A primitive without quotes. @param {unknown} value @returns {string} */
function text(value) {
  if (typeof value === "bigint") return `${value}n`;
  if (Object.is(value, -0)) return "-0";
  return typeof value === "symbol" ? value.toString() : `${value}`;
}

/** @param {unknown} value @param {number} level @param {State} state @returns {string} */
function show(value, level, state) {
  if (typeof value === "string") return quote(value);
  if (typeof value === "function") return showFunction(value, level, state);
  if (typeof value !== "object" || value === null) return text(value);
  if (state.seen.includes(value)) return "[Circular]";
  state.seen.push(value);
  try {
    return showObject(value, level, state);
  } finally {
    state.seen.pop();
  }
}

/** @param {string} value @returns {string} */
function quote(value) {
  const cut = value.length > TEXT_MAX ? value.slice(0, TEXT_MAX) : value;
  const mark = !cut.includes("'") ? "'" : !cut.includes('"') ? '"' : !cut.includes("`") ? "`" : "'";
  const inner = cut.replace(/[\\\n\r\t\b\f\v\0-\x1f\x7f]/g, (character) => {
    const known = JSON.stringify(character).slice(1, -1);
    return known.startsWith("\\u") ? `\\x${known.slice(4).toUpperCase()}` : known;
  });
  const escaped = mark === "'" ? inner.replaceAll("'", "\\'") : inner;
  const left = value.length - cut.length;
  return `${mark}${escaped}${mark}${left > 0 ? `... ${left} more characters` : ""}`;
}

/** @param {Function} value @param {number} level @param {State} state @returns {string} */
function showFunction(value, level, state) {
  const source = Function.prototype.toString.call(value);
  const name = value.name ? `: ${value.name}` : " (anonymous)";
  const kind = source.startsWith("class")
    ? `class ${value.name || "(anonymous)"}`
    : `${Object.prototype.toString.call(value).slice(8, -1)}${name}`;
  const keys = Object.keys(value);
  if (keys.length === 0) return `[${kind}]`;
  return braces(`[${kind}]`, "{}", entries(value, keys, level, state), level);
}

/** @param {object} value @param {number} level @param {State} state @returns {string} */
function showObject(value, level, state) {
  const keys = propertyKeys(value);
  if (value instanceof Error) return showError(value, keys, level, state);
  const simple = showSimple(value);
  if (simple !== undefined) {
    return keys.length ? braces(simple, "{}", entries(value, keys, level, state), level) : simple;
  }
  const name = nameOf(value);
  if (level > state.depth) return `[${Array.isArray(value) ? "Array" : name || "Object"}]`;
  if (Array.isArray(value)) {
    const label = name === "Array" ? "" : `${name}(${value.length})`;
    const items = [...elements(value, level, state), ...entries(value, keys, level, state)];
    return braces(label, "[]", items, level);
  }
  const special = showCollection(value, name, level, state);
  if (special !== undefined) {
    return braces(special.label, special.brackets, [
      ...special.items,
      ...entries(value, keys, level, state),
    ], level);
  }
  const tag = /** @type {any} */ (value)[Symbol.toStringTag];
  const extra = typeof tag === "string" && tag !== "" && tag !== name ? ` [${tag}]` : "";
  const label = name === "Object" && extra === "" ? "" : `${name}${extra}`;
  return braces(label, "{}", entries(value, keys, level, state), level);
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
  const message = `${error.message ?? ""}`;
  const title = message === "" ? name : `${name}: ${message}`;
  const stack = typeof error.stack === "string" ? error.stack.trimEnd() : "";
  const whole = stack.startsWith(title) ? stack : stack === "" ? `[${title}]` : `${title}\n${stack}`;
  const shown = keys.filter((key) => !["message", "stack", "cause"].includes(`${String(key)}`));
  const items = entries(error, shown, level, state);
  if ("cause" in error && level <= state.depth) {
    items.push(`[cause]: ${show(error.cause, level + 1, state)}`);
  }
  const indented = whole.replaceAll("\n", `\n${"  ".repeat(level)}`);
  return items.length === 0 ? indented : braces(indented, "{}", items, level, true);
}

/**
 * Items between brackets: on one line when they fit, else one a line.
 * @param {string} label @param {string} brackets @param {string[]} items @param {number} level
 * @param {boolean} [broken]
 */
function braces(label, brackets, items, level, broken = false) {
  const [open, close] = brackets;
  const front = label === "" ? open : `${label} ${open}`;
  if (items.length === 0) return front + close;
  const length = items.reduce((sum, item) => sum + item.length + 2, label.length + 2 * level);
  const oneLine = !broken && length <= LINE && !items.some((item) => item.includes("\n"));
  if (oneLine) return `${front} ${items.join(", ")} ${close}`;
  const indent = `\n${"  ".repeat(level)}`;
  return `${front}${indent}  ${items.join(`,${indent}  `)}${indent}${close}`;
}
