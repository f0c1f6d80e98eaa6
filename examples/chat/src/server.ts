// A chat room: relays messages with their sender's name, knows who is here, and remembers the
// last messages. Names live in the connections' states, messages in storage, so that nothing is
// lost while the room sleeps.

import type * as Party from "partykit/server";
import { type ChatMessage, type FromRoom, type Person, cleanName, parse } from "./protocol";

type Identity = { name: string; hue: number };

const HISTORY_LENGTH = 50;
const KEY_PREFIX = "message:";

export default class Chat implements Party.Server {
  readonly options = { hibernate: true };
  private nextId = 1;

  constructor(readonly room: Party.Room) {}

  async onStart() {
    const last = await this.room.storage.list<ChatMessage>({
      prefix: KEY_PREFIX,
      reverse: true,
      limit: 1,
    });
    for (const message of last.values()) this.nextId = message.id + 1;
  }

  async onConnect(connection: Party.Connection<Identity>, { request }: Party.ConnectionContext) {
    const wanted = new URL(request.url).searchParams.get("name") ?? "";
    const identity = { name: cleanName(wanted) || guestName(connection.id), hue: hueOf(connection.id) };
    connection.setState(identity);
    const people = this.people();
    const messages = await this.history();
    tell(connection, { type: "welcome", you: { id: connection.id, ...identity }, people, messages });
    this.tellAll({ type: "people", people }, [connection.id]);
  }

  async onMessage(input: string | ArrayBuffer, sender: Party.Connection<Identity>) {
    const parsed = parse(input);
    if (typeof parsed === "string") {
      tell(sender, { type: "error", text: parsed });
    } else if (parsed.type === "name") {
      sender.setState({ ...identityOf(sender), name: parsed.name });
      this.tellAll({ type: "people", people: this.people() });
    } else {
      await this.say(parsed.text, sender);
    }
  }

  onClose() {
    this.tellAll({ type: "people", people: this.people() });
  }

  private async say(text: string, sender: Party.Connection<Identity>) {
    const id = this.nextId++;
    const { name, hue } = identityOf(sender);
    const message: ChatMessage = { type: "message", id, from: sender.id, name, hue, text, at: Date.now() };
    // What a room sends waits until what it stored before is durable: nobody sees a message that
    // a crash could still take back.
    await this.room.storage.put(keyOf(id), message);
    await this.room.storage.delete(keyOf(id - HISTORY_LENGTH));
    this.tellAll(message);
  }

  private async history(): Promise<ChatMessage[]> {
    const stored = await this.room.storage.list<ChatMessage>({ prefix: KEY_PREFIX });
    return [...stored.values()];
  }

  private people(): Person[] {
    return [...this.room.getConnections<Identity>()].map((connection) => ({
      id: connection.id,
      ...identityOf(connection),
    }));
  }

  private tellAll(message: FromRoom, without: string[] = []) {
    this.room.broadcast(JSON.stringify(message), without);
  }
}

function tell(connection: Party.Connection, message: FromRoom) {
  connection.send(JSON.stringify(message));
}

function identityOf(connection: Party.Connection<Identity>): Identity {
  return connection.state ?? { name: guestName(connection.id), hue: hueOf(connection.id) };
}

// Storage lists keys in the order of their text, hence the zeros.
function keyOf(id: number): string {
  return KEY_PREFIX + String(Math.max(id, 0)).padStart(12, "0");
}

// The golden angle spreads neighbouring numbers over the whole circle.
function hueOf(connectionId: string): number {
  return Math.round(numberOf(connectionId) * 137.508) % 360;
}

function guestName(connectionId: string): string {
  const number = numberOf(connectionId);
  const animals = ["Otter", "Heron", "Lynx", "Wren", "Badger", "Newt", "Hare", "Finch"];
  const moods = ["Quiet", "Merry", "Swift", "Brave", "Sleepy", "Curious", "Gentle", "Bright"];
  return `${moods[number % 8]} ${animals[(number >> 3) % 8]}`;
}

function numberOf(text: string): number {
  let number = 7;
  for (const character of text) number = (number * 31 + character.codePointAt(0)!) % 65_521;
  return number;
}

Chat satisfies Party.Worker;
