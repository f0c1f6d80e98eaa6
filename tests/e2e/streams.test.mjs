// Bodies in pieces: both ways, with back-pressure, and with a client that goes away.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import http from "node:http";
import { eventually } from "./client.mjs";
import { hostFor } from "./host.mjs";

const ROOM = `
const text = new TextEncoder();
export default class Room {
  seen = [];
  written = 0;
  async onRequest(request) {
    switch (new URL(request.url).searchParams.get("do")) {
      case "count": {
        let n = 0;
        return new Response(new ReadableStream({
          async pull(controller) {
            await new Promise((resume) => setTimeout(resume, 10));
            controller.enqueue(text.encode(++n + ";"));
            if (n === 5) controller.close();
          },
        }));
      }
      case "endless":
        return new Response(new ReadableStream({
          pull: (controller) => { this.written += 16384; controller.enqueue(new Uint8Array(16384)); },
          cancel: () => { this.seen.push("cancelled"); },
        }));
      case "echo": return new Response(request.body);
      case "size": {
        let size = 0;
        for await (const piece of request.body) size += piece.byteLength;
        return new Response(String(size));
      }
      case "wait":
        request.signal.addEventListener("abort", () => this.seen.push("aborted"));
        await new Promise(() => request.signal.addEventListener("abort", () => {}));
        return new Response("never");
      case "break": {
        let n = 0;
        return new Response(new ReadableStream({
          async pull(controller) {
            await new Promise((resume) => setTimeout(resume, 20));
            if (++n === 3) throw new Error("in the middle");
            controller.enqueue(text.encode("piece;"));
          },
        }));
      }
      default: return Response.json({ seen: this.seen, written: this.written });
    }
  }
}`;

const test = hostFor({ "server.js": ROOM });
const state = async (host, room) => (await host.http(`/party/${room}`)).json();

test("a response comes piece by piece and ends", async (host) => {
  const response = await host.http("/party/r?do=count");
  assert.equal(response.headers.get("content-length"), null);
  assert.equal(await response.text(), "1;2;3;4;5;");
});

test("megabytes go through a room and come back the same", async (host) => {
  const sent = randomBytes(3_000_000);
  const echo = await host.http("/party/r?do=echo", { method: "POST", body: sent });
  assert.deepEqual(Buffer.from(await echo.arrayBuffer()), sent);
  const size = await host.http("/party/r?do=size", { method: "POST", body: sent });
  assert.equal(await size.text(), "3000000");
});

test("a response that fails in the middle never ends cleanly", async (host) => {
  const response = await host.http("/party/r?do=break");
  assert.equal(response.status, 200);
  await assert.rejects(response.text());
});

test("a client that stops reading holds the room back, and one that goes cancels the stream", async (host) => {
  const response = await new Promise((resolve, reject) => {
    http.get(`http://${host.address}/party/slow?do=endless`, resolve).on("error", reject);
  });
  response.pause();
  let last = -1;
  await eventually("the room stops writing", async () => {
    const { written } = await state(host, "slow");
    const stopped = written === last && written > 0;
    last = written;
    return stopped;
  });
  assert.ok(last < 50_000_000, `${last} bytes were written for nobody`);
  response.destroy();
  await eventually("the stream is cancelled", async () =>
    (await state(host, "slow")).seen.includes("cancelled"));
});

test("request.signal is aborted when the client goes away", async (host) => {
  const leaving = new AbortController();
  const waiting = host.http("/party/signal?do=wait", { signal: leaving.signal });
  const gone = assert.rejects(waiting);
  await state(host, "signal");
  leaving.abort();
  await gone;
  await eventually("the handler was told", async () =>
    (await state(host, "signal")).seen.includes("aborted"));
});
