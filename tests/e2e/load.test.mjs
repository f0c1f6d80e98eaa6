// More than a room takes at once: every queue is bounded, and nobody who waits for space is
// forgotten.

import assert from "node:assert/strict";
import { WebSocket } from "ws";
import { eventually, within } from "./client.mjs";
import { hostFor } from "./host.mjs";

const ROOM = `
export default class Room {
  onMessage(message, sender) {
    if (message === "busy") for (const end = Date.now() + 1500; Date.now() < end;);
    sender.send(message);
  }
  onRequest() { return new Response("here"); }
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
