// Natives made of what Node has, so that the platform's modules can be loaded there. What the guest
// asks of its host is written down in `effects`. Import this before any module of the platform.

import v8 from "node:v8";

/** @type {string[]} */
export const effects = [];
/** @type {Map<string, unknown>} */
export const stored = new Map();
let counter = 0;

const bytes = (buffer, offset, length) => Buffer.from(buffer, offset, length);
const record = (name) => (...args) => {
  effects.push([name, ...args].join(" "));
};

/** @returns {string[]} what was written down since the last look */
export function took() {
  return effects.splice(0);
}

const copy = (value) => v8.deserialize(v8.serialize(value));

globalThis.__partykitNative = {
  alarms: { get: () => -1, set: record("alarm"), delete: record("no alarm") },
  bodies: {
    open: () => ++counter,
    write(body, ...window) {
      record("write")(body, bytes(...window.slice(0, 3)).toString());
      return true;
    },
    finish: record("finish"),
    abort: record("abort"),
    pull(body, scope) {
      record("pull")(body, scope);
      return true;
    },
    cancel: record("cancel"),
  },
  clock: { now: () => 1_700_000_000_000, monotonic: () => ++counter },
  connections: {
    accept: record("accept"),
    sendText: record("send"),
    sendBytes: (handle, ...window) => record("send")(handle, bytes(...window).toString("hex")),
    broadcastText: (text, without) => record("broadcast")(text, `[${without}]`),
    broadcastBytes: record("broadcast"),
    close: record("close"),
  },
  encoding: {
    encode: (text) => new Uint8Array(Buffer.from(text)).buffer,
    encodeInto(text, buffer, offset, length) {
      const view = new Uint8Array(buffer, offset, length);
      const { read, written } = new TextEncoder().encodeInto(text, view);
      return [read, written];
    },
    decodeUtf8: (buffer, offset, length) => [bytes(buffer, offset, length).toString(), 0],
    decodeUtf16: (buffer, offset, length) => [bytes(buffer, offset, length).toString("utf16le"), 0],
  },
  events: {
    done: record("done"),
    failed: record("failed"),
    isFulfilled: () => false,
    response: record("response"),
    streamed(...args) {
      record("streamed")(...args);
      return true;
    },
  },
  log: { write: (level, text) => effects.push(`${level} ${text}`) },
  random: { fill() {}, uuid: () => "uuid", math: () => 0.5 },
  sections: {
    enter(outer, isTransaction) {
      record(isTransaction ? "begin" : "enter")(outer);
      return ++counter;
    },
    leave: record("leave"),
  },
  storage: {
    get: (key) => copy(stored.get(key)),
    put(flat) {
      for (let at = 0; at < flat.length; at += 2) stored.set(flat[at], copy(flat[at + 1]));
    },
    find: (keys) => keys.filter((key) => stored.has(key)).flatMap((key) => [key, copy(stored.get(key))]),
    delete: (keys) => keys.filter((key) => stored.delete(key)).length,
    deleteAll: () => stored.clear(),
    sync: () => 0,
    list(...args) {
      effects.push(`list ${JSON.stringify(args)}`);
      return [...stored].flat();
    },
  },
  timers: {
    set(ms, scope) {
      effects.push(`timer ${ms} ${scope}`);
      return ++counter;
    },
    clear: record("clear"),
  },
  url: {},
  value: { support() {}, serialize: (value) => v8.serialize(value).buffer, clone: copy },
};
