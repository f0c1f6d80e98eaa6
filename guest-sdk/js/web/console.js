// `console`: entries of the room's log. How values look is decided in internal/inspect.js.

import { format, inspect } from "../internal/inspect.js";
import { native } from "../internal/native.js";
import { sinceStart } from "./performance.js";

const { write } = native.log;
const [DEBUG, LOG, INFO, WARN, ERROR] = [0, 1, 2, 3, 4];

let indentation = "";
/** @type {Map<string, number>} */
const counts = new Map();
/** @type {Map<string, number>} */
const times = new Map();

/** @param {number} level @param {string} text */
function line(level, text) {
  write(level, indentation === "" ? text : indentation + text.replaceAll("\n", `\n${indentation}`));
}

/** @param {number} level @returns {(...args: unknown[]) => void} */
const logger = (level) => (...args) => line(level, format(args));

/** @param {number} ms */
const duration = (ms) => (ms < 1000 ? `${Number(ms.toFixed(3))}ms` : `${(ms / 1000).toFixed(3)}s`);

/** @param {string} label @param {unknown[]} rest @param {boolean} end */
function elapsed(label, rest, end) {
  const name = `${label ?? "default"}`;
  const begin = times.get(name);
  if (begin === undefined) {
    line(WARN, `No such label '${name}' for console.${end ? "timeEnd" : "timeLog"}()`);
    return;
  }
  if (end) times.delete(name);
  line(LOG, format([`${name}: ${duration(sinceStart() - begin)}`, ...rest]));
}

/** A cell: one level of an object, and less of one with many members. @param {unknown} value */
function cell(value) {
  const many = typeof value === "object" && value !== null && !Array.isArray(value) &&
    Object.keys(value).length > 2;
  return inspect(value, many ? -1 : 0);
}

/** @param {object} rows @returns {string} */
function collection(rows) {
  const keyed = rows instanceof Map;
  const entries = keyed ? [...rows] : [.../** @type {Set<unknown>} */ (rows)].map((item) => [item]);
  const head = ["(iteration index)", ...(keyed ? ["Key"] : []), "Values"];
  return drawn(head, entries.map((row, at) => [`${at}`, ...row.map(cell)]));
}

/** @param {object} rows @param {string[]} [columns] @returns {string} */
function table(rows, columns) {
  if (rows instanceof Map || rows instanceof Set) return collection(rows);
  const entries = Object.entries(rows);
  /** @type {string[]} */
  const names = columns ?? [];
  let values = false;
  for (const [, row] of entries) {
    if (typeof row !== "object" || row === null) values = true;
    else if (columns === undefined) {
      for (const name of Object.keys(row)) if (!names.includes(name)) names.push(name);
    }
  }
  const head = ["(index)", ...names, ...(values ? ["Values"] : [])];
  const body = entries.map(([key, row]) => {
    const object = typeof row === "object" && row !== null;
    const cells = names.map((name) => (object && name in row ? cell(row[name]) : ""));
    return [`${key}`, ...cells, ...(values ? [object ? "" : inspect(row)] : [])];
  });
  return drawn(head, body);
}

/** @param {string[]} head @param {string[][]} body @returns {string} */
function drawn(head, body) {
  const widths = head.map((_, at) => Math.max(...[head, ...body].map((row) => row[at].length)));
  const rule = (/** @type {string} */ marks) =>
    marks[0] + widths.map((width) => "─".repeat(width + 2)).join(marks[1]) + marks[2];
  const row = (/** @type {string[]} */ cells) =>
    `│${cells.map((cell, at) => ` ${cell.padEnd(widths[at])} `).join("│")}│`;
  return [rule("┌┬┐"), row(head), rule("├┼┤"), ...body.map(row), rule("└┴┘")].join("\n");
}

export const console = {
  debug: logger(DEBUG),
  log: logger(LOG),
  info: logger(INFO),
  warn: logger(WARN),
  error: logger(ERROR),
  /** @param {...unknown} args */
  trace(...args) {
    const title = args.length === 0 ? "Trace" : `Trace: ${format(args)}`;
    // The first line of the stack is this function.
    const stack = `${new Error().stack ?? ""}`.trimEnd().split("\n").slice(1).join("\n");
    line(ERROR, stack === "" ? title : `${title}\n${stack}`);
  },
  /** @param {unknown} condition @param {...unknown} args */
  assert(condition, ...args) {
    if (condition) return;
    if (args.length === 0) line(ERROR, "Assertion failed");
    else if (typeof args[0] === "string") {
      line(ERROR, format([`Assertion failed: ${args[0]}`, ...args.slice(1)]));
    } else line(ERROR, format(["Assertion failed", ...args]));
  },
  /** @param {unknown} value @param {{ depth?: number | null }} [options] */
  dir(value, options) {
    line(LOG, inspect(value, options?.depth === null ? Infinity : options?.depth ?? 2));
  },
  /** @param {unknown} rows @param {string[]} [columns] */
  table(rows, columns) {
    const tabular = typeof rows === "object" && rows !== null;
    line(LOG, tabular ? table(rows, columns) : format([rows]));
  },
  /** @param {...unknown} args */
  group(...args) {
    if (args.length > 0) line(LOG, format(args));
    indentation += "  ";
  },
  groupEnd() {
    indentation = indentation.slice(2);
  },
  /** @param {string} [label] */
  count(label = "default") {
    const count = (counts.get(`${label}`) ?? 0) + 1;
    counts.set(`${label}`, count);
    line(LOG, `${label}: ${count}`);
  },
  /** @param {string} [label] */
  countReset(label = "default") {
    if (!counts.delete(`${label}`)) line(WARN, `Count for '${label}' does not exist`);
  },
  /** @param {string} [label] */
  time(label = "default") {
    if (times.has(`${label}`)) line(WARN, `Label '${label}' already exists for console.time()`);
    else times.set(`${label}`, sinceStart());
  },
  /** @param {string} [label] @param {...unknown} rest */
  timeLog(label = "default", ...rest) {
    elapsed(label, rest, false);
  },
  /** @param {string} [label] */
  timeEnd(label = "default") {
    elapsed(label, [], true);
  },
};

Object.assign(console, {
  groupCollapsed: console.group,
  dirxml: console.log,
});
Object.defineProperty(console, Symbol.toStringTag, { value: "console", configurable: true });
