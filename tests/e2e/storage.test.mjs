// room.storage from outside: what is kept, in which order, and that it survives.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "./client.mjs";
import { alone, hostFor, project } from "./host.mjs";

// Runs what a test sends as the body of a function of `storage`, and answers with the result.
const ROOM = `
export default class {
  constructor(room) { this.room = room; }
  cases = {
    async types(storage) {
      const value = { map: new Map([["k", new Set([1, "2"])]]), date: new Date(5), big: 2n ** 70n, bytes: new Uint16Array([1, 65535]),
        nothing: undefined, nan: NaN, minus: -0, text: "a\\u00e9\\u{1F388}", error: new RangeError("r"), re: /x+/gi };
      value.self = value;
      await storage.put("v", value);
      const read = await storage.get("v");
      return [read !== value, read.map.get("k").has("2"), read.date.getTime(), String(read.big), read.bytes.constructor.name, read.bytes[1],
        "nothing" in read, Object.is(read.nan, NaN), Object.is(read.minus, -0), read.text === value.text,
        read.error instanceof RangeError && read.error.message, String(read.re), read.self === read];
    },
    async order(storage) {
      for (const key of ["b", "a", "\\u{1F388}", "\\uffff", "Z", "a1", "\\u00e9", "0"]) await storage.put(key, key);
      const keys = async (options) => [...(await storage.list(options)).keys()];
      return { all: await keys(), prefix: await keys({ prefix: "a" }), some: await keys({ start: "Z", end: "b" }),
        after: await keys({ startAfter: "Z", limit: 1 }), back: await keys({ reverse: true, limit: 2 }) };
    },
    async many(storage) {
      await storage.put({ a: 1, b: 2, c: undefined });
      const read = await storage.get(["b", "a", "zzz"]);
      return [[...read], await storage.delete("a"), await storage.delete("a"), await storage.delete(["b", "zzz"]), (await storage.list()).size];
    },
    async errors(storage) {
      const message = (promise) => promise.then(() => "fine", (error) => error.name + ": " + error.message);
      return [
        await message(storage.put("k".repeat(2049), 1)),
        await message(storage.put("k", undefined)),
        await message(storage.put("k", () => 1)),
        await message(storage.put("k", new Uint8Array(131072))),
        await message(storage.put("k", new Uint8Array(140000))),
        await message(storage.list({ start: "a", startAfter: "b" })),
        await message(storage.list({ limit: 0 })),
      ];
    },
    async large(storage) {
      for (let i = 0; i < 100; i++) storage.put("large" + i, new Uint8Array(100_000).fill(i));
      return (await storage.list({ prefix: "large" })).size;
    },
    set: (storage) => storage.put("kept", { at: new Map([["x", 1]]) }),
    get: async (storage) => [...((await storage.get("kept"))?.at ?? [])],
  };
  async onMessage(message, sender) {
    try { sender.send(JSON.stringify((await this.cases[message](this.room.storage)) ?? null)); }
    catch (error) { sender.send("threw " + error.stack); }
  }
}`;

const test = hostFor({ "server.js": ROOM });

async function ask(host, room, what) {
  const client = await Client.open(host.ws(`/party/${room}`));
  const answer = await client.ask(what);
  await client.close();
  assert.ok(!answer.startsWith("threw"), answer);
  return JSON.parse(answer);
}

test("values come back as copies of the same type", async (host) => {
  assert.deepEqual(await ask(host, "types", "types"), [
    true, true, 5, String(2n ** 70n), "Uint16Array", 65535, true, true, true, true, "r", "/x+/gi", true,
  ]);
});

test("keys are listed by their UTF-8 bytes", async (host) => {
  const all = ["0", "Z", "a", "a1", "b", "\u00e9", "\uffff", "\u{1F388}"];
  assert.deepEqual(await ask(host, "order", "order"), {
    all,
    prefix: ["a", "a1"],
    some: ["Z", "a", "a1"],
    after: ["a"],
    back: ["\u{1F388}", "\uffff"],
  });
});

test("several keys at once", async (host) => {
  assert.deepEqual(await ask(host, "many", "many"), [[["a", 1], ["b", 2]], true, false, 1, 0]);
});

test("what cannot be stored is refused with PartyKit's texts", async (host) => {
  const answers = await ask(host, "errors", "errors");
  assert.equal(answers[0], "RangeError: Keys cannot be larger than 2048 bytes. A key of size 2049 was provided.");
  assert.equal(answers[1], "TypeError: put() called with undefined value.");
  assert.equal(answers[2], "DataCloneError: () => 1 could not be cloned.");
  assert.equal(answers[3], "fine");
  assert.match(answers[4], /^RangeError: Values cannot be larger than 131072 bytes\. A value of size 1400\d\d was provided\.$/);
  assert.equal(answers[5], "TypeError: list() cannot be called with both start and startAfter values.");
  assert.equal(answers[6], "TypeError: List limit must be positive.");
});

test("a turn may write megabytes and list them", async (host) => {
  assert.equal(await ask(host, "large", "large"), 100);
});

alone("with --persist storage survives a restart, and a kill", async ({ start }) => {
  const folder = project({ "server.js": ROOM });
  const state = mkdtempSync(join(tmpdir(), "partykit-state-"));
  try {
    const first = await start(folder, ["--persist", state]);
    await ask(first, "r", "set");
    assert.equal(await first.stop(), 0);
    const second = await start(folder, ["--persist", state]);
    assert.deepEqual(await ask(second, "r", "get"), [["x", 1]]);
    assert.deepEqual(await ask(second, "other", "get"), [], "another room sees it");
    await ask(second, "killed", "set");
    second.signal("SIGKILL");
    await second.exit;
    const third = await start(folder, ["--persist", state]);
    assert.deepEqual(await ask(third, "killed", "get"), [["x", 1]], "an acknowledged write is lost");
    assert.equal(await third.stop(), 0);
  } finally {
    rmSync(state, { recursive: true, force: true });
  }
});

alone("two hosts cannot have the same directory", async ({ start }) => {
  const folder = project({ "server.js": ROOM });
  const state = mkdtempSync(join(tmpdir(), "partykit-state-"));
  const first = await start(folder, ["--persist", state]);
  try {
    await assert.rejects(start(folder, ["--persist", state]), /another process|in use|locked/i);
  } finally {
    await first.stop();
    rmSync(state, { recursive: true, force: true });
  }
});
