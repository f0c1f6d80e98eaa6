// HTTP to rooms and to static files: fetch, and curl where it is installed.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { hostFor } from "./host.mjs";

const ROOM = `
export default class Room {
  started = 0;
  failedOnce = false;
  constructor(room) { this.room = room; }
  async onStart() {
    if (this.room.id === "bad-start" && !(await this.room.storage.get("failed"))) {
      await this.room.storage.put("failed", true);
      throw new Error("not yet");
    }
    await new Promise((resume) => setTimeout(resume, 50));
    this.started = 1;
  }
  async onRequest(request) {
    const url = new URL(request.url);
    const path = url.pathname.split("/").slice(3).join("/");
    switch (path) {
      case "echo": return new Response(await request.text(), {
        status: 201,
        headers: { "x-method": request.method, "x-seen": request.headers.get("x-sent") ?? "", "x-query": url.search },
      });
      case "json": return Response.json({ id: this.room.id, env: this.room.env, started: this.started });
      case "bytes": return new Response(new Uint8Array([0, 255]).buffer, { headers: { "content-type": "application/x-bytes" } });
      case "empty": return new Response(null, { status: 204 });
      case "throw": throw new Error("req failed");
      case "throw-418": throw Object.assign(new Error("teapot"), { code: 418 });
      case "throw-text": throw "a string";
      case "throw-nothing": throw new Error("");
      case "nothing": return undefined;
      case "never": return new Promise(() => {});
      case "count": {
        const n = (await this.room.storage.get("n")) ?? 0;
        await this.room.storage.put("n", n + 1);
        return new Response(String(n + 1));
      }
      default: return new Response("the room");
    }
  }
}`;

const test = hostFor({
  "partykit.json": { name: "e2e", main: "server.js", serve: "public", vars: { answer: 42, deep: { a: [1] } } },
  "server.js": ROOM,
  "public/index.html": "<!doctype html><title>Hello</title>",
  "public/sub/page.js": "export {};",
});

test("a request reaches onRequest whole and its response comes back whole", async (host) => {
  for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
    const response = await host.http("/party/r/echo?a=1&b=%20", { method, body: "süß", headers: { "x-sent": "yes" } });
    assert.equal(response.status, 201);
    assert.equal(response.headers.get("x-method"), method);
    assert.equal(response.headers.get("x-seen"), "yes");
    assert.equal(response.headers.get("x-query"), "?a=1&b=%20");
    assert.equal(response.headers.get("content-type"), "text/plain;charset=UTF-8");
    assert.equal(await response.text(), "süß");
  }
});

test("curl is answered", async (host) => {
  const { stdout } = await promisify(execFile)("curl", ["-sS", "-d", "hi", `http://${host.address}/party/r/echo`]);
  assert.equal(stdout, "hi");
});

test("json, bytes and nothing come with the right headers", async (host) => {
  const json = await host.http("/party/r/json");
  assert.equal(json.headers.get("content-type"), "application/json");
  assert.deepEqual(await json.json(), { id: "r", env: { answer: 42, deep: { a: [1] } }, started: 1 });
  const bytes = await host.http("/party/r/bytes");
  assert.equal(bytes.headers.get("content-type"), "application/x-bytes");
  assert.deepEqual(new Uint8Array(await bytes.arrayBuffer()), new Uint8Array([0, 255]));
  assert.equal((await host.http("/party/r/empty")).status, 204);
  const head = await host.http("/party/r/json", { method: "HEAD" });
  assert.deepEqual([head.status, await head.text()], [200, ""]);
});

test("what a handler throws is the answer, with PartyKit's texts", async (host) => {
  const answers = {
    throw: [500, "req failed"],
    "throw-418": [418, "teapot"],
    "throw-text": [500, "a string"],
    "throw-nothing": [500, "Uncaught exception when making a request"],
    nothing: [500, "Incorrect type for Promise: the Promise did not resolve to 'Response'."],
  };
  for (const [path, expected] of Object.entries(answers)) {
    const response = await host.http(`/party/throwing/${path}`);
    assert.deepEqual([response.status, await response.text()], expected, path);
  }
});

test("a handler that can never answer is told so at once", async (host) => {
  const from = Date.now();
  const response = await host.http("/party/stranded/never");
  assert.equal(response.status, 500);
  assert.match(await response.text(), /never/i);
  assert.ok(Date.now() - from < 10_000, "took until a time limit");
});

test("counting in storage is not raced by requests at the same time", async (host) => {
  const answers = await Promise.all(
    Array.from({ length: 20 }, async () => Number(await (await host.http("/party/counter/count")).text())),
  );
  assert.deepEqual(answers.sort((a, b) => a - b), Array.from({ length: 20 }, (_, i) => i + 1));
});

test("nothing is delivered before onStart is done", async (host) => {
  const all = await Promise.all(
    Array.from({ length: 5 }, async () => (await host.http("/party/fresh/json")).json()),
  );
  assert.ok(all.every(({ started }) => started === 1));
});

test("an onStart that failed is run again for the next visitor", async (host) => {
  const first = await host.http("/party/bad-start/json");
  assert.deepEqual([first.status, await first.text()], [500, "not yet"]);
  const second = await host.http("/party/bad-start/json");
  assert.deepEqual([second.status, (await second.json()).started], [200, 1]);
});

test("a party that does not exist is 404, and so are names of Object.prototype", async (host) => {
  for (const party of ["nope", "Main", "constructor", "toString"]) {
    const response = await host.http(`/parties/${party}/r`);
    assert.deepEqual([response.status, (await response.text()).trim()], [404, `Party ${party} not found`]);
  }
});

test("a body above the limit is refused and disturbs nothing", async (host) => {
  const response = await host.http("/party/r/echo", {
    method: "POST",
    body: Buffer.alloc(101 * 1024 * 1024),
  }).catch((error) => ({ status: error.cause?.code }));
  // A host that answers before it has read everything may close the connection under the writer.
  assert.ok([413, "EPIPE", "ECONNRESET", "UND_ERR_SOCKET"].includes(response.status), String(response.status));
  assert.equal(await (await host.http("/party/r/x")).text(), "the room");
});

test("files of the project's folder are served with their types", async (host) => {
  for (const path of ["/", "/index.html"]) {
    const response = await host.http(path);
    assert.equal(response.status, 200);
    assert.match(response.headers.get("content-type"), /^text\/html/);
    assert.match(await response.text(), /Hello/);
  }
  assert.match((await host.http("/sub/page.js")).headers.get("content-type"), /javascript/);
  for (const path of ["/missing.js", "/../server.js", "/%2e%2e/server.js", "/party", "/party/"]) {
    assert.equal((await host.http(path)).status, 404, path);
  }
});
