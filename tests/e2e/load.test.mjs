// More than a room takes at once: every queue is bounded, and nobody who waits for space is
// forgotten.

import assert from "node:assert/strict";
import { WebSocket } from "ws";
import { eventually, within } from "./client.mjs";
import { hostFor } from "./host.mjs";

const ROOM = `
export default class Room {
  seen = {};
  closed = {};
  onClose(connection) { this.closed[connection.id] = (this.closed[connection.id] ?? 0) + 1; }
  onMessage(message, sender) {
    if (message.startsWith("n ")) (this.seen[sender.id] ??= []).push(Number(message.slice(2)));
    if (message === "busy") for (const end = Date.now() + 1500; Date.now() < end;);
    sender.send(message);
  }
  onRequest(request) {
    if (request.url.endsWith("?seen")) return Response.json({ seen: this.seen, closed: this.closed });
    return new Response("here");
  }
}`;

const test = hostFor({ "server.js": ROOM });

/** Sends `count` numbers as fast as it can; done when each came back once and in order. */
function flood(url, count) {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  let next = 0;
  const done = new Promise((resolve, reject) => {
    socket.on("open", () => {
      for (let number = 0; number < count; number++) socket.send(String(number));
    });
    socket.on("message", (data) => {
      if (String(data) !== String(next)) reject(new Error(`expected ${next}, got ${data}`));
      next += 1;
      if (next === count) resolve(undefined);
    });
    socket.on("close", (code) => reject(new Error(`closed with ${code} after ${next}`)));
    socket.on("error", reject);
  });
  return within(done, "the whole flood").finally(() => socket.terminate());
}

test("twenty clients that send five thousand messages each get every one back in order", async (host) => {
  await Promise.all(Array.from({ length: 20 }, () => flood(host.ws("/party/flood"), 5_000)));
});

test("what comes while a turn takes long is all handled after it", async (host) => {
  const busy = new WebSocket(host.ws("/party/busy"), { perMessageDeflate: false });
  await new Promise((open) => busy.on("open", open));
  let answers = 0;
  busy.on("message", () => (answers += 1));
  busy.send("busy");
  for (let number = 0; number < 6_000; number++) busy.send("x");
  const requests = Array.from({ length: 200 }, async () => (await host.http("/party/busy")).text());
  await eventually("every message is answered", () => answers === 6_001);
  assert.ok((await Promise.all(requests)).every((text) => text === "here"));
  busy.terminate();
});

test("a thousand clients that come and go at random: nothing lost, doubled or reordered", async (host) => {
  const clients = Array.from({ length: 1000 }, (_, index) => wanderer(host.ws("/party/many"), index));
  const ends = await Promise.all(clients);
  let report;
  await eventually("onClose has run for each", async () => {
    report = await (await host.http("/party/many?seen")).json();
    return Object.keys(report.closed).length === ends.length;
  });
  for (const { id, sent, echoes, stayed } of ends) {
    const seen = report.seen[id] ?? [];
    // What the room saw is a beginning of what was sent, and what came back one of what it saw.
    assert.deepEqual(seen, sent.slice(0, seen.length), `${id} was reordered or doubled`);
    assert.deepEqual(echoes, seen.slice(0, echoes.length), `${id} was answered wrongly`);
    if (stayed) assert.deepEqual(echoes, sent, `${id} stayed and lost something`);
    assert.equal(report.closed[id], 1, `${id}: onClose runs once`);
  }
  assert.ok(ends.some(({ stayed }) => stayed) && ends.some(({ stayed }) => !stayed));
});

/** Sends numbered messages; every third client cuts its line at some moment, the others finish. */
function wanderer(url, index) {
  const id = `c${index}`;
  const stayed = index % 3 !== 0;
  const [sent, echoes] = [[], []];
  const socket = new WebSocket(`${url}?_pk=${id}`, { perMessageDeflate: false });
  const count = 1 + (index % 20);
  const done = new Promise((resolve, reject) => {
    socket.on("open", () => {
      for (let number = 0; number < count; number++) {
        socket.send(`n ${number}`);
        sent.push(number);
      }
      if (!stayed) setImmediate(() => socket.terminate());
    });
    socket.on("message", (data) => {
      echoes.push(Number(String(data).slice(2)));
      if (stayed && echoes.length === count) socket.close(1000);
    });
    socket.on("close", () => resolve({ id, sent, echoes, stayed }));
    socket.on("error", reject);
  });
  return within(done, `the end of ${id}`, 60_000);
}
