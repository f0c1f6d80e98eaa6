// The room that is measured. The first word of its name says what it does with a message, so that
// one program serves every work of bench/roomload: echo answers it, bc sends it to everybody, ctr
// counts in storage, cpu computes, hostile wants everything for itself. It also runs on PartyKit as
// it is, for comparisons.

/** @implements {import("partykit/server").Server} */
export default class Rooms {
  /** @param {import("partykit/server").Room} room */
  constructor(room) {
    this.room = room;
    this.work = room.id.split("-", 1)[0];
  }

  /**
   * @param {string | ArrayBuffer} message
   * @param {import("partykit/server").Connection} sender
   */
  onMessage(message, sender) {
    switch (this.work) {
      case "bc":
        this.room.broadcast(message);
        return undefined;
      case "ctr":
        return this.count(sender);
      case "cpu":
        sender.send(compute(/** @type {string} */ (message)));
        return undefined;
      case "hostile":
        return runWild(this.room.id, sender);
      default:
        sender.send(message);
        return undefined;
    }
  }

  /** @param {import("partykit/server").Request} request */
  async onRequest(request) {
    if (request.method === "POST") return new Response(`${this.room.id}:${await request.text()}`);
    return new Response(`hello ${this.room.id}`);
  }

  /** @param {import("partykit/server").Connection} sender */
  async count(sender) {
    const next = ((await this.room.storage.get("n")) ?? 0) + 1;
    await this.room.storage.put("n", next);
    sender.send(String(next));
  }
}

/**
 * Reads a document, walks it, hashes, and writes it again with the hash. roomload computes the
 * same and compares the texts.
 * @param {string} text
 */
function compute(text) {
  const document = JSON.parse(text);
  let hash = document.seq | 0;
  for (const item of document.items) {
    for (const value of item.values) hash = (Math.imul(hash, 31) + value) | 0;
    hash = (Math.imul(hash, 31) + item.name.length) | 0;
  }
  for (let i = 0; i < document.loops; i++) {
    hash = (Math.imul(hash ^ (hash >>> 13), 0x5bd1e995) + i) | 0;
  }
  document.sum = hash;
  return JSON.stringify(document);
}

// What the rooms called hostile-KIND-... do with a message: want everything for themselves.

/** @type {Record<string, (sender: import("partykit/server").Connection) => unknown>} */
const KINDS = {
  loop: () => {
    for (;;);
  },
  jobs: async () => {
    for (;;) await null;
  },
  regexp: () => /^(a+)+$/.test(`${"a".repeat(64)}!`),
  recursion: () => {
    const deeper = () => deeper() + 1;
    return deeper();
  },
  memory: () => {
    for (const all = []; ; ) all.push(new Uint8Array(1 << 20).fill(1));
  },
  list: () => new Array(2 ** 32 - 2).fill(0),
  text: () => "x".repeat(2 ** 30 - 1),
  sends: (sender) => {
    for (let n = 0; n < 1e7; n++) sender.send("x");
  },
  timers: () => {
    for (let n = 0; n < 5e4; n++) setTimeout(() => {}, 1e8);
  },
};

/** @param {string} room @param {import("partykit/server").Connection} sender */
async function runWild(room, sender) {
  try {
    await KINDS[room.split("-")[1]](sender);
  } finally {
    // It was an exception, and this is the next message that whoever asked waits for.
    sender.send("survived");
  }
}
