// Bodies in pieces: both ways, with back-pressure, and with a client that goes away.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import http from "node:http";
import { eventually, within } from "./client.mjs";
import { alone, hostFor, project } from "./host.mjs";

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
      case "nothing":
        return new Response(new ReadableStream({ start: (controller) => controller.close() }), {
          headers: { "x-kind": "nothing" },
        });
      case "late": {
        const stream = new ReadableStream({
          async start(controller) {
            controller.enqueue(text.encode("early;"));
            await new Promise((resume) => setTimeout(resume, 150));
            controller.close();
          },
        });
        return new Response(stream, { headers: { "x-kind": "late" } });
      }
      case "read":
        request.signal.addEventListener("abort", () => this.seen.push("aborted"));
        try {
          for await (const piece of request.body) this.seen.push("piece");
        } catch (error) {
          this.seen.push("failed: " + error.message);
        }
        return new Response("read");
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

test("a stream without a piece and one whose end comes late end cleanly", async (host) => {
  const nothing = await host.http("/party/ends?do=nothing");
  assert.deepEqual([nothing.status, nothing.headers.get("x-kind"), await nothing.text()], [200, "nothing", ""]);
  const late = await host.http("/party/ends?do=late");
  assert.equal(await late.text(), "early;");
  // Whoever has the connection next gets an answer of its own.
  assert.equal(await (await host.http("/party/ends?do=count")).text(), "1;2;3;4;5;");
});

test("HEAD gets the head of a stream, and its connection can be used again", async (host) => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const ask = (method, what) => new Promise((resolve, reject) => {
    const options = { method, agent };
    const call = http.request(`http://${host.address}/party/head?do=${what}`, options, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text) => (body += text));
      response.on("end", () => resolve({ status: response.statusCode, kind: response.headers["x-kind"], body }));
    });
    call.on("error", reject).end();
  });
  for (const kind of ["late", "nothing"]) {
    assert.deepEqual(await ask("HEAD", kind), { status: 200, kind, body: "" });
    assert.equal((await ask("GET", "count")).body, "1;2;3;4;5;");
  }
  agent.destroy();
});

test("a HEAD of an endless stream cancels it", async (host) => {
  const head = await host.http("/party/endless-head?do=endless", { method: "HEAD" });
  assert.equal(head.status, 200);
  await eventually("the stream is cancelled", async () =>
    (await state(host, "endless-head")).seen.includes("cancelled"));
});

test("a client that leaves in the middle of its upload fails the reader and aborts the signal", async (host) => {
  const upload = http.request(`http://${host.address}/party/upload?do=read`, { method: "POST" });
  upload.on("error", () => {});
  upload.write(Buffer.alloc(100_000));
  await eventually("the room reads", async () => (await state(host, "upload")).seen.includes("piece"));
  upload.destroy();
  await eventually("the room was told", async () => {
    const { seen } = await state(host, "upload");
    return seen.includes("aborted") && seen.some((what) => what.startsWith("failed: "));
  });
  const failed = (await state(host, "upload")).seen.find((what) => what.startsWith("failed: "));
  assert.match(failed, /client has gone|could not be read/);
});

alone("SIGTERM with a stream and an unanswered request: one breaks off, the other gets 503", async ({ start }) => {
  const limits = { PARTYKIT_HOST_DRAIN_MS: "200", PARTYKIT_HOST_SHUTDOWN_MS: "600000" };
  const host = await start(project({ "server.js": ROOM }), [], limits);
  const open = await host.http("/party/open?do=endless");
  const reader = open.body.getReader();
  assert.equal((await reader.read()).done, false);
  const unanswered = host.http("/party/waiting?do=wait");
  await state(host, "waiting");
  host.signal("SIGTERM");
  const response = await within(unanswered, "an answer");
  assert.equal(response.status, 503);
  assert.match(await response.text(), /shutting down/);
  await assert.rejects(async () => {
    while (!(await reader.read()).done);
  });
  assert.deepEqual(await within(host.exit, "the end of the host"), { code: 0, signal: null }, host.output);
});
