// Rooms as people write them, checked against types/server.d.ts (`npm run types`). Never run.

import type * as Party from "partykit/server";
import type { PartyKitServer } from "partykit/server";

type Player = { name: string; score: number };

export default class Game implements Party.Server {
  options: Party.ServerOptions = { hibernate: true };

  constructor(readonly room: Party.Room) {}

  async onStart() {
    const saved = await this.room.storage.get<Player[]>("players");
    const several: Map<string, Player> = await this.room.storage.get<Player>(["a", "b"]);
    await this.room.storage.put({ a: 1, b: several.size, c: saved?.length });
    await this.room.storage.list<number>({ prefix: "p", limit: 10 });
  }

  getConnectionTags(connection: Party.Connection, { request }: Party.ConnectionContext) {
    return [request.headers.get("x-tag") ?? connection.id];
  }

  onConnect(connection: Party.Connection<Player>, ctx: Party.ConnectionContext) {
    connection.setState({ name: new URL(ctx.request.url).searchParams.get("name") ?? "", score: 0 });
    connection.setState((previous) => ({ ...(previous ?? { name: "", score: 0 }), score: 1 }));
    connection.addEventListener("message", (event) => event.data);
  }

  onMessage(message: string | ArrayBuffer, sender: Party.Connection<Player>) {
    this.room.broadcast(message, [sender.id]);
    for (const other of this.room.getConnections<Player>("tag")) other.send(`${other.state?.score}`);
    this.room.getConnection(sender.id)?.close(4000, "done");
    const country: unknown = undefined;
    return country ? Promise.resolve() : undefined;
  }

  onClose(connection: Party.Connection, code: number) {
    return this.room.blockConcurrencyWhile(async () => console.log(connection.id, code));
  }

  onRequest(request: Party.Request) {
    return new Response(request.method, { status: 201 });
  }
}

Game satisfies Party.Worker;

export const old = {
  onConnect(ws, room) {
    ws.addEventListener("message", ({ data }) => room.broadcast(data, [ws.id]));
  },
  async onRequest(_request, room) {
    return Response.json(await room.storage.get("x"));
  },
} satisfies PartyKitServer;

export async function everything({ storage }: Party.Room): Promise<string> {
  const at: number | null = await storage.getAlarm();
  await storage.setAlarm(new Date(at ?? Date.now()), { allowUnconfirmed: true });
  const found: number = await storage.transaction(async (transaction) => {
    await transaction.put("a", 1);
    if ((await transaction.delete(["b", "c"])) > 1) transaction.rollback();
    return (await transaction.list({ prefix: "a" })).size;
  });
  const text: string = await storage.transaction(() => `${found}`);
  await storage.deleteAll();
  await storage.deleteAlarm();
  await storage.sync();
  // @ts-expect-error there is nothing to wait for within a transaction
  await storage.transaction((transaction) => transaction.sync());
  return text;
}

export const alarmed = {
  async onAlarm(room) {
    room.broadcast(room.id);
    await room.storage.setAlarm(Date.now() + 1000);
  },
} satisfies PartyKitServer;
