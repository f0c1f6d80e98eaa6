// Behaviours of the guest's JavaScript that are switched off. It stands in the binary as text: a
// mutant is a copy of the binary in which one place of that text is replaced by another of the same
// length, which is what a build of the changed source would contain.

import { chmodSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { HERE } from "../harness/server.mjs";

const SOURCES = join(HERE, "../../guest-sdk/js");

/**
 * `behaviour` is what is switched off, `from` the text that does it, `to` what stands there
 * instead, `caughtBy` the section whose scenarios must see it.
 */
export const FACADE = [
  {
    behaviour: "onConnect gates the handshake",
    file: "party/dispatch.js",
    from: "whenDone(event, joined, done, fail);",
    to: "done(event);",
    caughtBy: "1.2",
  },
  {
    behaviour: "a connection whose onConnect threw is forgotten",
    file: "party/dispatch.js",
    from: "connections.remove(connection);\n    setReadyState(connection, CLOSED);\n    settleFailed(",
    to: "settleFailed(",
    caughtBy: "1.2",
  },
  {
    behaviour: "a closed connection is out of getConnections when onClose runs",
    file: "party/dispatch.js",
    from: "connections.remove(connection);\n  markJoined",
    to: "markJoined",
    caughtBy: "1.6",
  },
  {
    behaviour: "an error's code is the status",
    file: "internal/errors.js",
    from: "status: statusOf(error),",
    to: "status: 0,",
    caughtBy: "1.3",
  },
  {
    behaviour: "broadcast leaves out the ids in its second argument",
    file: "party/room.js",
    from: "without && without.length > 0",
    to: "false",
    caughtBy: "1.4",
  },
  {
    behaviour: "send takes only the window of a view",
    file: "party/connection.js",
    from: "sendBytes(this.#handle, window.buffer, window.offset, window.length);",
    to: "sendBytes(this.#handle, window.buffer, 0, window.buffer.byteLength);",
    caughtBy: "1.5",
  },
  {
    behaviour: "close refuses reserved codes",
    file: "party/close.js",
    from: " || includes(RESERVED, number)",
    to: "",
    caughtBy: "1.5",
  },
  {
    behaviour: "the newest of two connections with one id is found",
    file: "party/room.js",
    from: "let index = joined.length - 1; index >= 0; index--",
    to: "let index = 0; index < joined.length; index++",
    caughtBy: "1.5",
  },
  {
    behaviour: "a connection that is closing is not listed",
    file: "party/room.js",
    from: "if (connection.readyState !== OPEN) continue;",
    to: "",
    caughtBy: "1.4",
  },
  {
    behaviour: "blockConcurrencyWhile of the constructor is over before anything is delivered",
    file: "party/dispatch.js",
    from: "return constructed === undefined ? startNow() : startAfter(constructed);",
    to: "return startNow();",
    caughtBy: "1.4",
  },
  {
    behaviour: "an object with onMessage hibernates",
    file: "party/shape.js",
    from: `return "onMessage" in instance || !("onConnect" in instance);`,
    to: "return false;",
    caughtBy: "1.13",
  },
  {
    behaviour: "an object without onConnect hibernates",
    file: "party/shape.js",
    from: ` || !("onConnect" in instance)`,
    to: "",
    caughtBy: "1.13",
  },
  {
    behaviour: "get takes 128 keys at most",
    file: "party/storage-calls.js",
    from: "keys.length > KEYS_MAX",
    to: "false",
    caughtBy: "3.1",
  },
  {
    behaviour: "a value that is undefined is refused",
    file: "party/storage-calls.js",
    from: `if (value === undefined) throw new OwnTypeError("put() called with undefined value.");`,
    to: "",
    caughtBy: "3.1",
  },
  {
    behaviour: "startAfter leaves out its own key",
    file: "party/storage-calls.js",
    from: "startAfter !== undefined ? `${startAfter}\\0` : start",
    to: "startAfter ?? start",
    caughtBy: "3.2",
  },
  {
    behaviour: "the function of a transaction waits for what stands behind the call",
    file: "party/transactions.js",
    from: "  await undefined;\n  await undefined;\n",
    to: "",
    caughtBy: "3.3",
  },
  {
    behaviour: "rollback forgets at once",
    file: "party/transactions.js",
    from: "endNow(this.#course.section);",
    to: "",
    caughtBy: "3.3",
  },
  {
    behaviour: "moments before 1970 are refused",
    file: "party/storage-calls.js",
    from: "if (at <= 0) {",
    to: "if (false) {",
    caughtBy: "3.4",
  },
  {
    behaviour: "an object's onAlarm is handed its room",
    file: "party/dispatch.js",
    from: "instance.onAlarm?.(room)",
    to: "instance.onAlarm?.()",
    caughtBy: "3.4",
  },
];

/** Mutants of which the sources no longer have the place, exactly once. */
export function unplacedInFacade() {
  return FACADE.filter(({ file, from }) =>
    readFileSync(join(SOURCES, file), "utf8").split(from).length !== 2);
}

/** Writes the mutant's binary to `path`. */
export function writeFacadeMutant(binary, { file, from, to }, path) {
  const text = readFileSync(join(SOURCES, file), "utf8");
  if (text.split(from).length !== 2) throw new Error(`${file} has not exactly one: ${from}`);
  const original = readFileSync(binary);
  const at = original.indexOf(Buffer.from(text));
  if (at < 0) throw new Error(`${binary} was not built from this ${file}`);
  if (original.indexOf(Buffer.from(text), at + 1) >= 0) throw new Error(`${file} stands twice in it`);
  const place = at + Buffer.byteLength(text.slice(0, text.indexOf(from)));
  const room = Buffer.byteLength(from);
  // Spaces make it as long as what it replaces; behind code they mean nothing.
  const replacement = Buffer.from(to.padEnd(room, " "));
  if (replacement.length !== room) throw new Error(`longer than what it replaces: ${to}`);
  replacement.copy(original, place);
  rmSync(path, { force: true });
  writeFileSync(path, original);
  chmodSync(path, 0o755);
}
