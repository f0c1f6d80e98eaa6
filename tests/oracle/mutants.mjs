// Ten behaviours switched off on purpose: each must be caught by a scenario. `npm run mutants`.
//
// The guest's JavaScript stands in the binary as text. A mutant is a copy of the binary in which
// one place of that text is replaced by another of the same length: what a build of the changed
// source would contain, without a build, and without a switch in what is released. Every place is
// looked for in its source file first, so that a mutant of code that has changed is an error and
// not a mutant of nothing.

import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { allowedFor, allScenarios, byProject, readRecorded, runProject } from "./harness/run.mjs";
import { HERE } from "./harness/server.mjs";
import { compare } from "./harness/transcript.mjs";

const SOURCES = join(HERE, "../../guest-sdk/js");
const BINARY = resolve(process.env.PARTYKIT_BIN ?? join(HERE, "../../target/release/partykit"));

/**
 * `behaviour` is what is switched off, `from` the text that does it, `to` what stands there
 * instead, `caughtBy` the section whose scenarios must see it.
 */
const MUTANTS = [
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
    from: "connections.hide(connection);\n    setReadyState(connection, CLOSED);",
    to: "",
    caughtBy: "1.2",
  },
  {
    behaviour: "a closed connection is out of getConnections when onClose runs",
    file: "party/dispatch.js",
    from: "connections.remove(connection);",
    to: "",
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
    from: " || RESERVED.includes(number)",
    to: "",
    caughtBy: "1.5",
  },
  {
    behaviour: "the newest of two connections with one id is found",
    file: "party/room.js",
    from: "if (connection.id === id && connection.readyState === OPEN) found = connection;",
    to: "if (connection.id === id && connection.readyState < 2) found ??= connection;",
    caughtBy: "1.5",
  },
  {
    behaviour: "blockConcurrencyWhile of the constructor is over before anything is delivered",
    file: "party/dispatch.js",
    from: "if (constructed !== undefined) return constructed.then(startNow);",
    to: "",
    caughtBy: "1.4",
  },
  {
    behaviour: "an object with onMessage hibernates",
    file: "party/shape.js",
    from: `return "onMessage" in instance || !("onConnect" in instance);`,
    to: "return false;",
    caughtBy: "1.13",
  },
];

const scenarios = await allScenarios();
const original = readFileSync(BINARY);
const folder = mkdtempSync(join(tmpdir(), "oracle-mutants-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
// Each mutant's engine is compiled once and never used again: not into the user's own cache.
process.env.PARTYKIT_CACHE_DIR = join(folder, "cache");

let failed = false;
for (const mutant of [undefined, ...MUTANTS]) {
  const began = Date.now();
  const complaints = mutant === undefined ? await unchanged() : await seeing(mutant);
  const took = `${((Date.now() - began) / 1000).toFixed(1)} s`;
  const name = mutant?.behaviour ?? "nothing is switched off, and nothing is complained of";
  console.log(`${complaints ? "FAIL" : "ok"}  ${name} (${took})${complaints ? `\n${complaints}` : ""}`);
  failed ||= Boolean(complaints);
}
process.exitCode = failed ? 1 : 0;

/** The binary as it is: without this, a suite that always complains would catch everything. */
async function unchanged() {
  process.env.PARTYKIT_BIN = BINARY;
  return [...(await complaintsOf(scenarios)).values()].join("\n");
}

/** Why a mutant went unseen; nothing when it was caught where it should be. */
async function seeing({ file, from, to, caughtBy }) {
  const text = readFileSync(join(SOURCES, file), "utf8");
  if (text.split(from).length !== 2) return `${file} has not exactly one: ${from}`;
  const binary = join(folder, "partykit");
  rmSync(binary, { force: true });
  writeFileSync(binary, patched(file, text, from, to));
  chmodSync(binary, 0o755);
  process.env.PARTYKIT_BIN = binary;
  const own = scenarios.filter(({ name }) => name.startsWith(`${caughtBy} `));
  const seenBy = (await complaintsOf(own)).size;
  if (seenBy === 0) return `no scenario of ${caughtBy} has seen it`;
  // Code that does not even run is caught by anything, and proves nothing.
  return seenBy === own.length ? `every scenario of ${caughtBy} fails: it breaks too much` : "";
}

/** A copy of the binary with one place of one of its embedded files replaced. */
function patched(file, text, from, to) {
  const source = Buffer.from(text);
  const at = original.indexOf(source);
  if (at < 0) throw new Error(`${BINARY} was not built from this ${file}`);
  if (original.indexOf(source, at + 1) >= 0) throw new Error(`${file} stands twice in ${BINARY}`);
  const copy = Buffer.from(original);
  const place = at + Buffer.byteLength(text.slice(0, text.indexOf(from)));
  const room = Buffer.byteLength(from);
  // Spaces make it as long as what it replaces; behind code they mean nothing.
  const replacement = Buffer.from(to.padEnd(room, " "));
  if (replacement.length !== room) throw new Error(`longer than what it replaces: ${to}`);
  replacement.copy(copy, place);
  return copy;
}

/** The complaints by the scenarios that have any. */
async function complaintsOf(wanted) {
  const found = new Map();
  for (const [project, ofProject] of byProject(wanted)) {
    const recorded = readRecorded(project);
    const results = await runProject("ours", project, ofProject);
    for (const { name } of ofProject) {
      const { steps, error } = results.get(name);
      const complaints = compare(name, recorded[name], steps, allowedFor(name));
      if (error) complaints.push(error);
      if (complaints.length > 0) found.set(name, complaints.join("\n"));
    }
  }
  return found;
}
