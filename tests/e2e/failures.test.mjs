// What goes wrong ends in one clear line and disturbs nothing else. Rooms that run wild are in
// hostile.test.mjs.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { Client } from "./client.mjs";
import { alone, project } from "./host.mjs";

const ECHO = `export default class { onMessage(message, sender) { sender.send(message); } }`;

const wrong = {
  "a syntax error": [`const fine = 1;\nexport default class {{\n`, /server\.js:2/],
  "a throw at top level": [`throw new Error("top level trouble");\nexport default class {}\n`, /top level trouble/],
};
for (const [what, [code, told]] of Object.entries(wrong)) {
  alone(`${what} is shown at the start and waited out: visitors are told to come again`, async ({ run }) => {
    const folder = project({ "server.js": code });
    const host = run(["dev", "--port", "0", "--no-hotkeys"], { cwd: folder });
    await host.printed(told);
    const [, port] = await host.printed(/Waiting on http:\/\/[^\s/]+:(\d+)/);
    const response = await fetch(`http://127.0.0.1:${port}/party/r`);
    assert.equal(response.status, 503);
    assert.match(await response.text(), /no code that can be served yet/);
    // Let in to be told: a browser cannot read the status of a refused handshake.
    const early = await Client.open(`ws://127.0.0.1:${port}/party/r`);
    assert.equal((await early.end()).code, 1013);
    writeFileSync(join(folder, "server.js"), ECHO);
    await host.printed(/Ready|Reloaded/);
    const client = await Client.open(`ws://127.0.0.1:${port}/party/r`);
    assert.equal(await client.ask("hello"), "hello");
    assert.equal(await host.stop(), 0);
  });
}

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
