// A host under load is killed with SIGKILL, again and again, on the same store: every count that a
// client was told is there, no batch is there in part, the alarm that was set with it fires, and the
// next host opens the store. For each durable backend; five kills, or two hundred with PARTYKIT_LONG_TESTS (make crash).

import assert from "node:assert/strict";
import { test } from "node:test";
import { Client } from "./client.mjs";
import { Host, project } from "./host.mjs";

const ROOMS = 8;
const KILLS = process.env.PARTYKIT_LONG_TESTS ? 200 : 5;
// A start takes a second on a busy machine, and now and then several.
const TEST = { timeout: 150_000 + KILLS * 10_000 };

// Three keys and an alarm in one turn: they fit together, or a batch is there in part. Each count
// puts the alarm off, so that at the end most rooms wait for theirs.
const ROOM = `
export default class {
  constructor(room) { this.room = room; this.waiting = []; }
  async onAlarm() {
    const fired = await this.room.storage.get("n");
    this.room.storage.put("fired", fired);
    for (const client of this.waiting.splice(0)) client.send(JSON.stringify({ fired }));
  }
  async onMessage(message, sender) {
    const { storage } = this.room;
    if (message === "fired") {
      const [n = 0, fired = 0] = await Promise.all(["n", "fired"].map((key) => storage.get(key)));
      if (fired === n) sender.send(JSON.stringify({ fired }));
      else this.waiting.push(sender);
      return;
    }
    if (message === "count") {
      const n = ((await storage.get("n")) ?? 0) + 1;
      storage.put("n", n);
      storage.put("large", new Uint8Array(1000 + (n % 9) * 10_000).fill(n));
      storage.put("twin", n);
      storage.setAlarm(Date.now() + 200);
    }
    const [n = 0, twin = 0, large] = await Promise.all(["n", "twin", "large"].map((key) => storage.get(key)));
    const fits = n === 0 ? !large : large.length === 1000 + (n % 9) * 10_000 && large.every((byte) => byte === n % 256);
    sender.send(JSON.stringify({ n, twin, fits }));
  }
}`;

// Each host that is started listens for the end of this process, to be ended with it.
process.setMaxListeners(0);

/** xorshift32: the same kills for the same seed. */
function generator(seed) {
  let state = seed;
  return (max) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % max;
  };
}

/** What each room has, and up to which count its alarms have fired once nothing is pending. */
async function look(host) {
  const rooms = [];
  for (let room = 0; room < ROOMS; room++) {
    const client = await Client.open(host.ws(`/party/r${room}`));
    const found = JSON.parse(await client.ask("look"));
    const { fired } = JSON.parse(await client.ask("fired"));
    rooms.push({ ...found, fired });
    await client.close();
  }
  return rooms;
}

/** Counts in all rooms until the host is killed after so many answers. The last of each room. */
async function countAndKill(host, after) {
  const told = Array(ROOMS).fill(0);
  let answers = 0;
  const counting = told.map(async (_, room) => {
    const client = await Client.open(host.ws(`/party/r${room}`));
    client.socket.on("error", () => {});
    for (;;) {
      // Two at a time: the second is often under way when the end comes.
      client.socket.send("count");
      client.socket.send("count");
      for (let i = 0; i < 2; i++) {
        told[room] = JSON.parse(await client.next()).n;
        if (++answers === after) host.signal("SIGKILL");
      }
    }
  });
  const ended = await Promise.allSettled(counting);
  const { signal } = await host.exit;
  assert.equal(signal, "SIGKILL", `ended by itself: ${ended.map(({ reason }) => reason)}\n${host.output}`);
  return told;
}

for (const backend of ["sqlite", "sled"]) {
  test(`a host that is killed has lost nothing that it told anybody (${backend})`, TEST, async (context) => {
    process.env.PARTYKIT_HOST_STORAGE = backend;
    const seed = Date.now() % 0x7fffffff;
    context.diagnostic(`${KILLS} kills, seed ${seed}`);
    const below = generator(seed);
    const folder = project({ "server.js": ROOM });
    let host;
    context.after(() => host?.signal("SIGKILL"));
    let told = Array(ROOMS).fill(0);
    let before = told;
    let answers = 0;
    for (let kill = 0; kill <= KILLS; kill++) {
      host = await Host.start(folder, ["--persist", "state"]);
      const rooms = await look(host);
      rooms.forEach(({ n, twin, fits, fired }, room) => {
        const what = `kill ${kill}, room ${room}: ${n} after ${told[room]}`;
        const least = Math.max(told[room], before[room]);
        // Two counts may have been durable that nobody was told of any more.
        assert.ok(n >= least && n <= least + 2, what);
        assert.equal(twin, n, what);
        assert.equal(fired, n, `${what}: its alarm`);
        assert.ok(fits, `${what}: the large value is another one's`);
      });
      if (kill === KILLS) break;
      before = rooms.map(({ n }) => n);
      const after = 1 + below(300);
      told = await countAndKill(host, after);
      answers += after;
    }
    context.diagnostic(`${answers} answers, nothing lost`);
    assert.equal(await host.stop(), 0, host.output);
  });
}
