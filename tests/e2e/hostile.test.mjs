// Rooms that want everything for themselves: each loses its guest and the turn it was in, in one
// line and with 1011, or gets an exception; and its neighbours go on meanwhile. The limits are
// small, so that what has to be used up is used up at once on any machine.

import assert from "node:assert/strict";
import { describe } from "node:test";
import { Client, Refused } from "./client.mjs";
import { hostFor } from "./host.mjs";

const LIMITS = {
  PARTYKIT_HOST_CPU_MS_MAX: "60",
  PARTYKIT_HOST_MEMORY_BYTES_MAX: `${24 << 20}`,
  PARTYKIT_HOST_EFFECTS_MAX: "20000",
  PARTYKIT_HOST_TIMERS_MAX: "1000",
  // Longer than any test: whoever is sent away once is sent away until the end.
  PARTYKIT_HOST_RESTART_BACKOFF_MS: "60000",
};

/** What ends a room: the code of its turn, and the line that says so. */
const FATAL = {
  "an endless loop": ["while (true);", /cpu_ms_max is 60/],
  "a loop of promise jobs": ["return (async () => { for (;;) await null; })();", /cpu_ms_max is 60/],
  "a regular expression that never ends": ["/^(a+)+$/.test('a'.repeat(64) + '!');", /cpu_ms_max is 60/],
  "ten million sends": ["for (let n = 0; n < 1e7; n++) sender.send('x');", /effects_max/],
  "ten million broadcasts": ["for (let n = 0; n < 1e7; n++) this.room.broadcast('x');", /effects_max/],
};

/** What is an exception: the code, and the error that it gets. */
const SURVIVED = {
  "endless recursion": ["(function f() { return f() + 1; })();", /RangeError/],
  "a text of a gigabyte": ["'x'.repeat(2 ** 30 - 1);", /out of memory/],
  "a buffer of a gigabyte": ["new Uint8Array(2 ** 30);", /out of memory|RangeError/],
  "fifty thousand timers": ["for (let n = 0; n < 5e4; n++) setTimeout(() => {}, 1e8);", /timers_max/],
};

/** What ends either way, as the memory runs out in what can throw or in what cannot. */
const EXHAUSTING = {
  "a bomb of buffers": "const all = []; for (;;) all.push(new Uint8Array(1 << 18).fill(1));",
  "a bomb of small objects": "let all = null; for (;;) all = { all };",
  "a list of four billion zeros": "new Array(2 ** 32 - 2).fill(0);",
  "a map without end": "const map = new Map(); for (let n = 0; ; n++) map.set(n, n);",
};

const cases = [...Object.entries(FATAL), ...Object.entries(SURVIVED)].map(([name, [code]]) => [name, code]);
const turns = [...cases, ...Object.entries(EXHAUSTING)]
  .map(([name, code]) => `${JSON.stringify(name)}(sender) { ${code} }`)
  .join(",\n");

const ROOM = `
const turns = { ${turns} };
export default class {
  constructor(room) { this.room = room; }
  onStart() { if (this.room.id.startsWith("no-start")) throw new Error("will not start"); }
  async onMessage(message, sender) {
    const { storage } = this.room;
    if (Object.hasOwn(turns, message)) {
      storage.put("of the turn", true);
      sender.send("of the turn");
      return turns[message].call(this, sender);
    }
    if (message === "keep") await storage.put("kept", true);
    if (message === "keys") message = [...(await storage.list()).keys()].join();
    if (message === "recurse") { try { (function f() { f(); })(); } catch (error) { message = error.name; } }
    sender.send(message);
  }
}`;

const test = hostFor({ "server.js": ROOM }, [], LIMITS);

/** Answers from a room beside, one after the other, until something is over; then their number. */
async function echoesUntil(host, over) {
  const bystander = await Client.open(host.ws("/party/bystander"));
  let ended = false;
  const end = over.finally(() => (ended = true));
  let echoes = 0;
  do assert.equal(await bystander.ask(`${echoes}`), `${echoes}`);
  while (++echoes && !ended);
  await end;
  await bystander.close();
  return echoes;
}

const path = (name) => `/party/${name.replaceAll(" ", "-")}`;

/** A room that keeps something and is then told to do its worst. */
async function misbehaving(host, name) {
  const client = await Client.open(host.ws(path(name)));
  assert.equal(await client.ask("keep"), "keep");
  const from = host.output.length;
  client.socket.send(name);
  return { client, from };
}

/** What the host has said of a room since then, one line each: those that follow are indented. */
function complaints(host, name, from) {
  const begin = `error main/${path(name).slice(7)}: `;
  return host.output.slice(from).split("\n").filter((line) => line.startsWith(begin));
}

async function keysOf(host, name) {
  const client = await Client.open(host.ws(path(name)));
  const keys = await client.ask("keys");
  await client.close();
  return keys;
}

describe("a room loses its guest and the turn it was in to", () => {
  for (const [name, [, line]] of Object.entries(FATAL)) {
    test(name, async (host) => {
      const { client, from } = await misbehaving(host, name);
      assert.ok((await echoesUntil(host, client.end())) > 0);
      assert.equal((await client.end()).code, 1011);
      await assert.rejects(client.next(), /ended: 1011/, "nothing of that turn was sent");
      assert.equal(await keysOf(host, name), "kept");
      const said = complaints(host, name, from);
      assert.equal(said.length, 1, said.join("\n"));
      assert.match(said[0], line);
    });
  }
});

describe("a room gets an exception, and goes on, for", () => {
  for (const [name, [, error]] of Object.entries(SURVIVED)) {
    test(name, async (host) => {
      const { client, from } = await misbehaving(host, name);
      assert.ok((await echoesUntil(host, client.next())) > 0);
      // What was done before an exception is done, as in PartyKit.
      assert.equal(await client.ask("keys"), "kept,of the turn");
      const said = complaints(host, name, from);
      assert.equal(said.length, 1, said.join("\n"));
      assert.match(said[0], error);
      await client.close();
    });
  }

  test("endless recursion that it catches", async (host) => {
    const client = await Client.open(host.ws("/party/careful"));
    const from = host.output.length;
    assert.equal(await client.ask("recurse"), "RangeError");
    assert.equal(await client.ask("on we go"), "on we go");
    assert.deepEqual(complaints(host, "careful", from), []);
    await client.close();
  });
});

// Whether the last allocation was one that can throw is chance, and both are clean.
describe("a room gets an exception or loses its guest to", () => {
  for (const name of Object.keys(EXHAUSTING)) {
    test(name, async (host) => {
      const { client, from } = await misbehaving(host, name);
      const survived = await Promise.race([client.next().then(() => true), client.closed.then(() => false)]);
      assert.ok((await echoesUntil(host, Promise.resolve())) > 0);
      if (!survived) assert.equal((await client.end()).code, 1011);
      assert.equal(await keysOf(host, name), survived ? "kept,of the turn" : "kept");
      const said = complaints(host, name, from);
      assert.equal(said.length, 1, said.join("\n"));
      assert.match(said[0], /out of memory|cpu_ms_max is 60/);
      await client.close();
    });
  }
});

test("clients that come back to a room that does not start are told to wait", async (host) => {
  const from = host.output.length;
  const visit = () =>
    Client.open(host.ws("/party/no-start")).then((client) => client.end()).then(({ code }) => code, (error) => {
      assert.ok(error instanceof Refused, String(error));
      return error.status;
    });
  const outcomes = [];
  for (let visits = 0; visits < 6; visits++) outcomes.push(await visit());
  // The first failure is forgiven; after the second one nobody starts the room for a while.
  assert.deepEqual(outcomes, [500, 500, 1013, 1013, 1013, 1013]);
  const answer = await host.http("/party/no-start");
  assert.equal(answer.status, 503);
  assert.ok(answer.headers.get("retry-after"));
  assert.match(await answer.text(), /will not start; the room keeps failing, try again in \d+ s/);
  const said = complaints(host, "no start", from);
  assert.equal(said.length, 2, said.join("\n"));
  assert.ok((await echoesUntil(host, Promise.resolve())) > 0);
});
