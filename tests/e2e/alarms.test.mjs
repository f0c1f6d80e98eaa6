// Alarms from outside: they outlive the host, orderly ends and kills, and fire once in rooms that
// nobody is connected to.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "./client.mjs";
import { alone, project } from "./host.mjs";

const ROOM = `
export default class {
  starts = 0;
  constructor(room) { this.room = room; }
  onStart() { this.starts++; }
  async onRequest(request) {
    const { storage } = this.room;
    const query = new URL(request.url).searchParams;
    if (query.has("in")) {
      storage.put("set", (await storage.get("set") ?? 0) + 1);
      await storage.setAlarm(Date.now() + Number(query.get("in")));
    }
    if (query.has("fails")) await storage.put("fails", Number(query.get("fails")));
    const read = async (name) => await storage.get(name) ?? 0;
    return Response.json({ set: await read("set"), rung: await read("rung"), left: await read("fails"),
      alarm: await storage.getAlarm() });
  }
  async onAlarm() {
    const { storage, id } = this.room;
    const fails = await storage.get("fails") ?? 0;
    console.log(\`alarm of \${id} in a room that was started \${this.starts} times\`);
    if (fails > 0) {
      await storage.put("fails", fails - 1);
      // The write is kept, the alarm comes again.
      await new Promise((wake) => setTimeout(wake, 1));
      throw new Error("not yet");
    }
    await storage.put("rung", (await storage.get("rung") ?? 0) + 1);
  }
}`;

/** Runs with a folder for the store, which is removed. */
async function persisted(run) {
  const state = mkdtempSync(join(tmpdir(), "partykit-state-"));
  try {
    await run(["--persist", state]);
  } finally {
    rmSync(state, { recursive: true, force: true });
  }
}

const ask = async (host, room, query = "") => (await host.http(`/party/${room}?${query}`)).json();

alone("an alarm outlives the host that it was set in, and a kill of it", async ({ start }) => {
  const folder = project({ "server.js": ROOM });
  await persisted(async (args) => {
    const first = await start(folder, args);
    for (const room of ["soon", "killed"]) await ask(first, room, "in=3000");
    await ask(first, "late", "in=100000000");
    first.signal("SIGKILL");
    await first.exit;
    const second = await start(folder, args);
    await second.printed(/alarm of soon in a room that was started 1 times/);
    await second.printed(/alarm of killed in a room that was started 1 times/);
    const { set, rung, alarm } = await ask(second, "soon");
    assert.deepEqual([set, rung, alarm], [1, 1, null]);
    assert.ok((await ask(second, "late")).alarm > Date.now());
    assert.equal(await second.stop(), 0);
    const third = await start(folder, args);
    // Whatever it finds fires at the start: it has found nothing when another one has fired.
    await ask(third, "later", "in=0");
    await third.printed(/alarm of later/);
    assert.doesNotMatch(third.output, /alarm of (soon|killed|late) /);
    assert.equal(await third.stop(), 0);
  });
});

alone("an alarm that was due while no host ran fires when one does", async ({ start }) => {
  const folder = project({ "server.js": ROOM });
  await persisted(async (args) => {
    const first = await start(folder, args);
    await ask(first, "r", "in=400");
    first.signal("SIGKILL");
    await first.exit;
    const second = await start(folder, args);
    await second.printed(/alarm of r /);
    assert.equal((await ask(second, "r")).rung, 1);
    assert.equal(await second.stop(), 0);
  });
});

alone("a handler that fails is tried again after the host was killed, too", async ({ start }) => {
  const folder = project({ "server.js": ROOM });
  await persisted(async (args) => {
    const first = await start(folder, args);
    await ask(first, "r", "in=0&fails=2");
    await first.printed(/not yet/);
    await eventually("the next attempt is stored", async () => (await ask(first, "r")).alarm > 0);
    first.signal("SIGKILL");
    await first.exit;
    const second = await start(folder, args);
    await second.printed(/not yet/);
    await eventually("it has rung", async () => (await ask(second, "r")).rung === 1);
    assert.deepEqual((await ask(second, "r")).left, 0);
    assert.equal(await second.stop(), 0);
  });
});
