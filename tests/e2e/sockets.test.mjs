// WebSockets as a client sees them: handshake, messages, connections, ends.

import assert from "node:assert/strict";
import { PartySocket } from "partysocket";
import { WebSocket } from "ws";
import { Client, Refused, eventually, within } from "./client.mjs";
import { hostFor } from "./host.mjs";

const ROOM = `
let shared = 0;
export default class Room {
  closed = [];
  constructor(room) { this.room = room; }
  async onConnect(connection, { request }) {
    const url = new URL(request.url);
    if (url.searchParams.has("fail")) throw new Error("not you");
    if (url.searchParams.has("slow")) {
      connection.send("before the pause");
      await new Promise((resume) => setTimeout(resume, 300));
    }
    connection.setState({ name: url.searchParams.get("name") });
  }
  getConnectionTags(connection, { request }) {
    return new URL(request.url).searchParams.getAll("tag");
  }
  async onMessage(message, sender) {
    if (typeof message !== "string") return sender.send(message);
    const [word, ...rest] = message.split(" ");
    const answer = await this[word]?.(sender, ...rest);
    sender.send(answer === undefined ? message : JSON.stringify(answer));
  }
  onClose(connection, code, reason, wasClean) {
    this.closed.push({ id: connection.id, code, reason, wasClean, left: this.names().length });
  }
  names(sender, tag) { return [...this.room.getConnections(tag)].map((c) => c.state?.name); }
  ends() { return this.closed; }
  count() { return ++shared; }
  who(sender) { return { room: this.room.id, party: this.room.name, id: sender.id, uri: sender.uri }; }
  shout(sender, text) { this.room.broadcast("shouted " + text, [sender.id]); }
  tell(sender, id, text) { this.room.getConnection(id).send(text); }
  leave(sender, code, reason) { sender.close(Number(code), reason); return undefined; }
  throws() { throw new Error("from onMessage"); }
  big(sender, length) { sender.send(new Uint8Array(Number(length)).fill(7)); }
  async pause(sender, ms, word) {
    sender.send("start " + word);
    if (Number(ms) > 0) await new Promise((resume) => setTimeout(resume, Number(ms)));
    return "end " + word;
  }
}`;

const test = hostFor({ "server.js": ROOM });

test("ws gets its text and its bytes back", async (host) => {
  const client = await Client.open(host.ws("/party/echo"));
  assert.equal(await client.ask("Grüße 👋"), "Grüße 👋");
  assert.deepEqual(await client.ask(Buffer.from([0, 255, 7])), Buffer.from([0, 255, 7]));
  assert.equal(await client.ask(""), "");
  assert.deepEqual(await client.close(4002, "done"), { code: 4002, reason: "done" });
});

test("partysocket connects, echoes, and comes back after it was closed", async (host) => {
  const socket = new PartySocket({ host: host.address, room: "reconnecting", WebSocket, minReconnectionDelay: 50 });
  const messages = [];
  let opened = 0;
  socket.addEventListener("message", (event) => messages.push(event.data));
  socket.addEventListener("open", () => opened++);
  try {
    await eventually("it is open", () => opened === 1);
    socket.send("hello");
    await eventually("the echo arrived", () => messages.includes("hello"));
    socket.send("leave 4000 again");
    await eventually("it is open again", () => opened === 2);
    socket.send("once more");
    await eventually("the second echo arrived", () => messages.includes("once more"));
  } finally {
    socket.close();
  }
});

test("both forms of the address lead to the same room, whatever follows", async (host) => {
  const one = await Client.open(host.ws("/party/same?_pk=one"));
  const two = await Client.open(host.ws("/parties/main/same/any/path?_pk=two"));
  await one.ask("shout hi");
  assert.equal(await two.next(), "shouted hi");
  const { room, party, id, uri } = JSON.parse(await two.ask("who"));
  assert.deepEqual({ room, party, id }, { room: "same", party: "main", id: "two" });
  assert.match(uri, /^http:\/\/.*\/parties\/main\/same\/any\/path\?_pk=two$/);
});

test("open comes after onConnect, and what it sent follows at once", async (host) => {
  const from = Date.now();
  const client = await Client.open(host.ws("/party/slow?slow&name=s"));
  assert.ok(Date.now() - from >= 290, "opened before onConnect was done");
  assert.equal(await client.next(), "before the pause");
  assert.equal(await client.ask("names"), '["s"]');
});

test("handlers of one connection interleave at awaits and nowhere else", async (host) => {
  const client = await Client.open(host.ws("/party/interleave"));
  client.socket.send("pause 200 a");
  client.socket.send("pause 0 b");
  const order = [];
  for (let i = 0; i < 4; i++) order.push((await client.next()).replaceAll('"', ""));
  assert.deepEqual(order, ["start a", "start b", "end b", "end a"]);
});

test("a throw in onConnect closes with 1011 and the message, and leaves nobody behind", async (host) => {
  const other = await Client.open(host.ws("/party/refusing?name=other"));
  const refused = await Client.open(host.ws("/party/refusing?fail"));
  assert.deepEqual(await refused.end(), { code: 1011, reason: "not you" });
  assert.equal(await other.ask("names"), '["other"]');
});

test("a throw in onMessage is logged and the connection goes on", async (host) => {
  const client = await Client.open(host.ws("/party/throwing"));
  client.socket.send("throws");
  assert.equal(await client.ask("still here"), "still here");
  await host.printed(/from onMessage/, 5000);
});

test("state, tags and ids find the right connections", async (host) => {
  const open = (query) => Client.open(host.ws(`/party/tags?${query}`));
  const ada = await open("_pk=1&name=ada&tag=x&tag=y");
  const bob = await open("_pk=2&name=bob&tag=y");
  assert.equal(await ada.ask("names"), '["ada","bob"]');
  assert.equal(await ada.ask("names x"), '["ada"]');
  assert.equal(await ada.ask("names y"), '["ada","bob"]');
  ada.socket.send("tell 2 psst");
  assert.equal(await bob.next(), "psst");
});

test("a second connection with the same id neither hides nor outlives the first wrongly", async (host) => {
  const old = await Client.open(host.ws("/party/twice?_pk=same&name=old"));
  const young = await Client.open(host.ws("/party/twice?_pk=same&name=young"));
  const observer = await Client.open(host.ws("/party/twice?_pk=observer&name=observer"));
  await old.close();
  await eventually("the old one has left", async () => {
    return (await observer.ask("names")) === '["young","observer"]';
  });
  observer.socket.send("tell same you");
  assert.equal(await young.next(), "you");
});

test("onClose runs once for each connection, whatever ended it", async (host) => {
  const observer = await Client.open(host.ws("/party/ends?_pk=observer"));
  const ends = async (count) => {
    let all = [];
    await eventually(`${count} have ended`, async () => {
      all = JSON.parse(await observer.ask("ends"));
      return all.length >= count;
    });
    return all;
  };
  const polite = await Client.open(host.ws("/party/ends?_pk=polite"));
  await polite.close(4001, "bye");
  await ends(1);
  const cut = await Client.open(host.ws("/party/ends?_pk=cut"));
  cut.socket.terminate();
  await ends(2);
  const thrown = await Client.open(host.ws("/party/ends?_pk=thrown"));
  thrown.socket.send("leave 4003 out");
  assert.deepEqual(await thrown.end(), { code: 4003, reason: "out" });
  const all = await ends(3);
  assert.deepEqual(
    all.map(({ id, code }) => [id, code]),
    [["polite", 4001], ["cut", 1006], ["thrown", 4003]],
  );
  assert.deepEqual(all[0], { id: "polite", code: 4001, reason: "bye", wasClean: true, left: 1 });
  assert.equal(all[1].wasClean, false);
});

test("a close without a code is answered without one", async (host) => {
  const client = await Client.open(host.ws("/party/plain-close"));
  client.socket.close();
  assert.equal((await client.end()).code, 1005);
});

test("a message of 2 MB passes both ways, one of 33 MB is refused with 1009", async (host) => {
  const client = await Client.open(host.ws("/party/big"));
  const two = Buffer.alloc(2_000_000, "x");
  assert.ok(two.equals(await client.ask(two)));
  const text = "y".repeat(2_000_000);
  assert.ok(text === (await client.ask(text)));
  const other = await Client.open(host.ws("/party/big"));
  client.socket.send(Buffer.alloc(33 * 1024 * 1024));
  assert.equal((await client.end()).code, 1009);
  assert.equal(await other.ask("fine"), "fine");
});

test("the first protocol that a client offers is chosen", async (host) => {
  const client = await Client.open(host.ws("/party/protocols"), { protocols: ["chat.v2", "chat.v1"] });
  assert.equal(client.socket.protocol, "chat.v2");
});

test("rooms share no variable of their module", async (host) => {
  const one = await Client.open(host.ws("/party/apart-1"));
  const two = await Client.open(host.ws("/party/apart-2"));
  assert.equal(await one.ask("count"), "1");
  assert.equal(await one.ask("count"), "2");
  assert.equal(await two.ask("count"), "1");
});

test("odd room names are rooms of their own and reach the room undecoded", async (host) => {
  const names = ["ro%20om%2Fx", "%F0%9F%8E%88", "constructor", "__proto__", "a.b~c!$&'()*+,;=:@", "..%2F..", "x".repeat(1024)];
  for (const name of names) {
    const client = await Client.open(host.ws(`/party/${name}`));
    assert.equal(JSON.parse(await client.ask("who")).room, name);
    assert.equal(await client.ask("count"), "1", `${name} is not a room of its own`);
    await client.close();
  }
});

test("a room name that is too long is refused before there is a room", async (host) => {
  for (const length of [1025, 5000]) {
    const url = host.ws(`/party/${"x".repeat(length)}`);
    await assert.rejects(Client.open(url), (error) => {
      assert.ok(error instanceof Refused, String(error));
      assert.ok(error.status >= 400 && error.status < 500, error.message);
      assert.match(error.body, /1,?024|too long|more than/i);
      return true;
    });
  }
});

test("a party that is not declared is refused by its name", async (host) => {
  await assert.rejects(Client.open(host.ws("/parties/nope/r")), (error) => {
    assert.deepEqual([error.status, error.body.trim()], [404, "Party nope not found"]);
    return true;
  });
});

test("a hundred clients each get what one of them says", async (host) => {
  const clients = await Promise.all(
    Array.from({ length: 100 }, () => Client.open(host.ws("/party/crowd"))),
  );
  clients[0].socket.send("shout all");
  const heard = clients.slice(1).map((client) => client.next());
  assert.ok((await within(Promise.all(heard), "everybody")).every((text) => text === "shouted all"));
  await Promise.all(clients.map((client) => client.close()));
});
