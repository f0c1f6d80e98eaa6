// What goes wrong ends in one clear line and disturbs nothing else.

import assert from "node:assert/strict";
import { createServer } from "node:net";
import { describe } from "node:test";
import { Client, Refused } from "./client.mjs";
import { alone, hostFor, project } from "./host.mjs";

const ECHO = `export default class { onMessage(message, sender) { sender.send(message); } }`;

describe("a room that misbehaves", () => {
  const test = hostFor({
    "server.js": `
      const hoard = [];
      export default class {
        onMessage(message, sender) {
          if (message === "spin") for (;;) {}
          if (message === "spin in jobs") return (async () => { for (;;) await null; })();
          if (message === "hoard") for (;;) hoard.push(new Uint8Array(1 << 20).fill(1));
          if (message === "recurse") { try { (function f() { f(); })(); } catch (e) { message = e.name; } }
          sender.send(message);
        }
      }`,
  });

  test("an endless loop is stopped by the CPU limit while another room goes on", async (host) => {
    const spinning = await Client.open(host.ws("/party/spinning"));
    const bystander = await Client.open(host.ws("/party/bystander"));
    spinning.socket.send("spin");
    let over = false;
    spinning.closed.then(() => (over = true));
    let echoes = 0;
    let slowest = 0;
    while (!over && echoes < 100_000) {
      const from = performance.now();
      assert.equal(await bystander.ask(`${echoes}`), `${echoes}`);
      slowest = Math.max(slowest, performance.now() - from);
      echoes++;
    }
    assert.equal((await spinning.end()).code, 1011);
    assert.ok(echoes > 10, `the other room echoed only ${echoes} times meanwhile`);
    assert.ok(slowest < 3000, `the other room once waited ${Math.round(slowest)} ms`);
    await host.printed(/cpu_ms_max/, 5000);
    const again = await Client.open(host.ws("/party/spinning"));
    assert.equal(await again.ask("back"), "back");
  });

  test("a loop of promise jobs is stopped just so", async (host) => {
    const client = await Client.open(host.ws("/party/jobs"));
    client.socket.send("spin in jobs");
    assert.equal((await client.end()).code, 1011);
  });

  test("a room that hoards memory loses it and nobody else does", async (host) => {
    const hoarding = await Client.open(host.ws("/party/hoarding"));
    const bystander = await Client.open(host.ws("/party/bystander"));
    // The engine reports the end of memory as an exception, which the room may survive, or traps.
    hoarding.socket.send("hoard");
    assert.equal(await bystander.ask("fine"), "fine");
    await host.printed(/out of memory/, 30_000);
    assert.equal(await (await Client.open(host.ws("/party/other"))).ask("well"), "well");
  });

  test("deep recursion is an exception that code can catch", async (host) => {
    const client = await Client.open(host.ws("/party/deep"));
    assert.match(await client.ask("recurse"), /^(RangeError|InternalError)$/);
    assert.equal(await client.ask("on we go"), "on we go");
  });
});

alone("a syntax error ends the start with the file and the line", async ({ run }) => {
  const folder = project({ "server.js": `const fine = 1;\nexport default class {{\n` });
  const host = run(["dev", "--port", "0", "--no-hotkeys"], { cwd: folder });
  const { code } = await host.exit;
  assert.equal(code, 1, host.output);
  assert.match(host.output, /server\.js:2/);
});

alone("a throw at top level is shown at the start and to visitors", async ({ run }) => {
  const folder = project({ "server.js": `throw new Error("top level trouble");\nexport default class {}\n` });
  const host = run(["dev", "--port", "0", "--no-hotkeys"], { cwd: folder });
  await host.printed(/top level trouble/, 15_000);
  const [, port] = await host.printed(/Ready on http:\/\/[^\s/]+:(\d+)/i);
  const response = await fetch(`http://127.0.0.1:${port}/party/r`);
  assert.equal(response.status, 500);
  assert.match(await response.text(), /top level trouble/);
  await assert.rejects(Client.open(`ws://127.0.0.1:${port}/party/r`), Refused);
  assert.equal(await host.stop(), 0);
});

alone("a main that does not exist is named, with the exit code of a wrong configuration", async ({ run }) => {
  const host = run(["dev", "--port", "0", "--no-hotkeys"], {
    cwd: project({ "partykit.json": { name: "e2e", main: "missing.ts" } }),
  });
  const { code } = await host.exit;
  assert.equal(code, 2, host.output);
  assert.match(host.output, /missing\.ts/);
});

alone("a port that is taken is one line with a hint", async ({ run }) => {
  const other = createServer();
  const port = await new Promise((done) => other.listen(0, "127.0.0.1", () => done(other.address().port)));
  try {
    const host = run(["dev", "--port", String(port), "--no-hotkeys"], { cwd: project({ "server.js": ECHO }) });
    const { code } = await host.exit;
    assert.equal(code, 1, host.output);
    assert.match(host.output, new RegExp(`port ${port} is taken`));
    assert.match(host.output, /hint:/);
  } finally {
    other.close();
  }
});

for (const signal of ["SIGTERM", "SIGINT"]) {
  alone(`${signal} with open sockets: clients see 1012, the exit code is 0`, async ({ start }) => {
    const host = await start(project({ "server.js": ECHO }));
    const clients = await Promise.all(
      Array.from({ length: 20 }, (_, i) => Client.open(host.ws(`/party/r${i % 4}`))),
    );
    await Promise.all(clients.map((client) => client.ask("hello")));
    host.signal(signal);
    const ends = await Promise.all(clients.map((client) => client.end()));
    assert.deepEqual(new Set(ends.map(({ code }) => code)), new Set([1012]), host.output);
    assert.deepEqual(await host.exit, { code: 0, signal: null }, host.output);
  });
}
