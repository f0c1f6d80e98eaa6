// As many rooms as there may be, the next one, and those that make room. In its long form
// (PARTYKIT_LONG_TESTS) with as many as this machine has descriptors for; else with a few.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { Client, eventually } from "./client.mjs";
import { alone, project } from "./host.mjs";

const LONG = Boolean(process.env.PARTYKIT_LONG_TESTS);
const ROOM = `export default class {
  onMessage(message, sender) { sender.send(message); }
  onRequest() { return new Response("here"); }
}`;

/** What the host has open besides its rooms' connections, and what a client's process has. */
const OTHER_DESCRIPTORS = 1_000;
/** Rooms that are opened at the same time; more would measure the listen queue. */
const AT_ONCE = 32;

function descriptors() {
  const limit = execFileSync("sh", ["-c", "ulimit -Hn"], { encoding: "utf8" }).trim();
  return limit === "unlimited" ? Infinity : Number(limit);
}

/** Rooms with a connection each, and rooms without: what is asked for, within what there is. */
const CONNECTED = LONG ? Math.min(15_000, descriptors() - OTHER_DESCRIPTORS) : 20;
const UNCONNECTED = LONG ? Math.min(19_000, descriptors() - OTHER_DESCRIPTORS) : 20;

const host = (start, rooms, env = {}) =>
  start(project({ "server.js": ROOM }), ["--verbose"], {
    PARTYKIT_HOST_MAX_RESIDENT_ROOMS: `${rooms}`,
    // Longer than it takes: nobody leaves by himself.
    PARTYKIT_HOST_ROOM_IDLE_MS: "3600000",
    // Thousands of silent clients that live in one process need not answer.
    PARTYKIT_HOST_PING_INTERVAL_MS: "3600000",
    ...env,
  });

/** Does something for each room, some at a time; prints what the first and the last ones cost. */
async function forEachRoom(context, what, count, visit) {
  const share = Math.min(1_000, Math.ceil(count / 4));
  const ended = [];
  let next = 0;
  const from = performance.now();
  const lane = async () => {
    while (next < count) {
      await visit(next++);
      ended.push(performance.now() - from);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, count) }, lane));
  const micros = (ms) => `${Math.round((ms * 1000) / share)} µs`;
  const last = ended[count - 1] - (ended[count - 1 - share] ?? 0);
  context.diagnostic(`${what}, ${count}: the first ${share} took ${micros(ended[share - 1])} each, the last ${micros(last)}`);
}

const PATIENCE = { timeout: LONG ? 900_000 : 150_000 };

const fullLines = (output) => output.match(/the host is full/g)?.length ?? 0;

/** The next room is refused, in both ways; one line says so however many come. */
async function refusesAnother(full, max) {
  const text = new RegExp(`the host is full \\(max_resident_rooms is ${max}\\)`);
  for (let visit = 0; visit < 3; visit++) {
    const answer = await full.http(`/party/late-${visit}`);
    assert.equal(answer.status, 503);
    assert.ok(answer.headers.get("retry-after"));
    assert.match(await answer.text(), text);
    const end = await (await Client.open(full.ws(`/party/late-${visit}`))).end();
    assert.equal(end.code, 1013);
    assert.match(end.reason, text);
  }
  await full.printed(/the host is full: 1 refused/, 5_000);
  assert.equal(fullLines(full.output), 1);
}

alone("rooms with a connection each up to the limit: all answer, the next is refused", async ({ start, context }) => {
  const full = await host(start, CONNECTED);
  const clients = [];
  await forEachRoom(context, "rooms with a connection", CONNECTED, async (index) => {
    const client = await Client.open(full.ws(`/party/r${index}`));
    assert.equal(await client.ask(`${index}`), `${index}`);
    clients.push(client);
  });
  await refusesAnother(full, CONNECTED);
  // Nobody was pushed out by those who came later.
  await forEachRoom(context, "second messages", clients.length, async (index) => {
    assert.equal(await clients[index].ask("still"), "still");
  });
  // A room that is left is idle, and makes room at once.
  await clients[0].close();
  await eventually("a room makes room", async () => (await full.http("/party/successor")).status === 200);
  for (const client of clients) client.socket.terminate();
  assert.equal(await full.stop(), 0);
}, PATIENCE);

alone("idle rooms up to the limit: those that come later are let in, and idle ones give way", async ({ start, context }) => {
  const full = await host(start, UNCONNECTED);
  await forEachRoom(context, "rooms without a connection", UNCONNECTED, async (index) => {
    const answer = await full.http(`/party/r${index}`);
    assert.equal(await answer.text(), "here");
  });
  assert.equal(fullLines(full.output), 0);
  for (let index = 0; index < 10; index++) {
    assert.equal(await (await full.http(`/party/newer-${index}`)).text(), "here");
  }
  assert.equal(fullLines(full.output), 0, "nobody was refused");
  assert.equal(await full.stop(), 0);
}, PATIENCE);
