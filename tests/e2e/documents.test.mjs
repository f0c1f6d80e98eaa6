// Libraries from npm that keep their documents in a room's storage: what clients have written is
// there when the host was killed and another one has taken its place.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import PartySocket from "partysocket";
import { createStore } from "tinybase";
import { createPartyKitPersister } from "tinybase/persisters/persister-partykit-client";
import { WebSocket } from "ws";
import YProvider from "y-partykit/provider";
import * as Y from "yjs";
import { eventually } from "./client.mjs";
import { alone, project } from "./host.mjs";

const YJS = `
import { onConnect } from "y-partykit";
export default class {
  constructor(room) { this.room = room; }
  onConnect(connection) {
    const [mode] = this.room.id.split("-");
    const persist = mode === "history" ? { mode, maxUpdates: 20 } : { mode };
    return onConnect(connection, this.room, { persist });
  }
  async onRequest() {
    const stored = [...await this.room.storage.list()];
    const sizes = stored.map(([, value]) => value.byteLength ?? 0);
    return Response.json({ keys: stored.length, largest: Math.max(0, ...sizes), total: sizes.reduce((a, b) => a + b, 0) });
  }
}`;

const TINYBASE = `
import { TinyBasePartyKitServer } from "tinybase/persisters/persister-partykit-server";
export default class extends TinyBasePartyKitServer {}`;

/** A document of Yjs on a host, in step with it. */
async function open(host, room) {
  const doc = new Y.Doc();
  const provider = new YProvider(host.address, room, doc, { WebSocketPolyfill: WebSocket, disableBc: true });
  await eventually("the provider is in step", () => provider.synced);
  // What watches over who is there has a timer of its own, that of a document ends with it.
  const close = () => (provider.destroy(), provider.awareness.destroy(), doc.destroy());
  return { doc, provider, close, text: doc.getText("text"), map: doc.getMap("map") };
}

const stored = async (host, room) => (await host.http(`/party/${room}`)).json();

/** Starts a host, kills it, and starts another one on the same store. */
async function acrossAKill(start, server, before, afterwards) {
  const folder = project({ "server.js": server });
  const state = mkdtempSync(join(tmpdir(), "partykit-state-"));
  try {
    const first = await start(folder, ["--persist", state]);
    const kept = await before(first);
    first.signal("SIGKILL");
    await first.exit;
    const second = await start(folder, ["--persist", state]);
    await afterwards(second, kept);
    assert.equal(await second.stop(), 0);
  } finally {
    rmSync(state, { recursive: true, force: true });
  }
}

for (const mode of ["snapshot", "history"]) {
  alone(`y-partykit keeps a document, ${mode}`, async ({ start }) => {
    const room = `${mode}-room`;
    // Above 128 KiB, and no two pieces of it alike.
    const long = Array.from({ length: 40_000 }, (_, index) => `${index} `).join("");
    await acrossAKill(start, YJS, async (host) => {
      const one = await open(host, room);
      const other = await open(host, room);
      one.text.insert(0, long);
      for (let index = 0; index < 60; index++) one.map.set(`key ${index % 7}`, { index });
      one.map.set("last", "word");
      await eventually("the other has it", () => other.map.get("last") === "word");
      assert.equal(other.text.toString(), long);
      // The room has written it as well: an update is stored before the next one is.
      await eventually("it is stored", async () => (await stored(host, room)).total > long.length);
      other.text.insert(0, "begin ");
      await eventually("the first has that", () => one.text.toString().startsWith("begin "));
      one.close();
      other.close();
      const { largest, keys } = await stored(host, room);
      assert.ok(largest <= 131_072, `${largest} bytes in one value`);
      assert.ok(keys < 150, `${keys} keys: nothing was ever compacted`);
      const again = await open(host, room);
      const state = Y.encodeStateVector(again.doc);
      again.close();
      return state;
    }, async (host, state) => {
      const later = await open(host, room);
      assert.equal(later.text.toString(), `begin ${long}`);
      assert.equal(later.map.get("last"), "word");
      assert.equal(later.map.get("key 3").index, 59);
      assert.deepEqual(Y.encodeStateVector(later.doc), state);
      later.close();
    });
  });
}

alone("TinyBase's persister keeps a store", async ({ start }) => {
  const open = async (host) => {
    const store = createStore();
    const socket = new PartySocket({ host: host.address, room: "tiny", WebSocket });
    await eventually("the socket is open", () => socket.readyState === 1);
    const persister = createPartyKitPersister(store, socket, "http");
    await persister.startAutoPersisting();
    return { store, close: () => (persister.destroy(), socket.close()) };
  };
  await acrossAKill(start, TINYBASE, async (host) => {
    const one = await open(host);
    const other = await open(host);
    one.store.setTables({ pets: { fido: { species: "dog", age: 3 }, felix: { species: "cat" } } });
    one.store.setValue("open", true);
    await eventually("the other has it", () => other.store.getValue("open") === true);
    // Nothing is deleted: this TinyBase writes deletions as undefined, which its JSON leaves out.
    other.store.setCell("pets", "fido", "age", 4);
    await eventually("the first has that", () => one.store.getCell("pets", "fido", "age") === 4);
    one.close();
    other.close();
  }, async (host) => {
    const later = await open(host);
    await eventually("it is loaded", () => later.store.hasTable("pets"));
    assert.deepEqual(later.store.getTables(), {
      pets: { fido: { species: "dog", age: 4 }, felix: { species: "cat" } },
    });
    assert.deepEqual(later.store.getValues(), { open: true });
    later.close();
  });
});
