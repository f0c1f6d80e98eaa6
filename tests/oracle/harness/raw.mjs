// A client that says its bytes itself, for what no library says: handshakes that are written in an
// odd way, messages before the answer, connections that do not answer a Close frame.

import { connect } from "node:net";

import { within } from "./client.mjs";

/** The frames that scenarios send. */
export const TEXT = 0x1;
export const CLOSE = 0x8;

/** A handshake as it stands in RFC 6455; a header that is null is left out. */
export function handshake(path, { version = "HTTP/1.1", headers = {} } = {}) {
  const all = {
    Host: "localhost",
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    ...headers,
  };
  const lines = Object.entries(all).flatMap(([name, value]) =>
    value === null ? [] : [value].flat().map((one) => `${name}: ${one}\r\n`));
  return `GET ${path} ${version}\r\n${lines.join("")}\r\n`;
}

/** A whole frame of a client, masked with zeros, of less than 126 bytes. */
export function frame(opcode, payload = "") {
  const bytes = Buffer.from(payload);
  return Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | bytes.length, 0, 0, 0, 0]), bytes]);
}

export class Raw {
  #bytes = Buffer.alloc(0);
  #ended = false;
  #wake = () => {};

  constructor(address) {
    const [host, port] = address.split(":");
    this.socket = connect(Number(port), host);
    this.socket.on("data", (bytes) => {
      this.#bytes = Buffer.concat([this.#bytes, bytes]);
      this.#wake();
    });
    this.socket.on("error", () => {});
    this.socket.on("close", () => {
      this.#ended = true;
      this.#wake();
    });
  }

  write(...parts) {
    this.socket.write(Buffer.concat(parts.map((part) => Buffer.from(part))));
  }

  /** Status and headers of the answer, names in lower case; `closed` when there is none. */
  async head() {
    const head = await this.#take("the head of an answer", (bytes) => {
      const end = bytes.indexOf("\r\n\r\n");
      return end < 0 ? undefined : { value: `${bytes.subarray(0, end)}`, length: end + 4 };
    });
    if (head === undefined) return "closed";
    const [first, ...lines] = head.split("\r\n");
    const headers = Object.fromEntries(lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }));
    return { status: Number(first.split(" ")[1]), headers };
  }

  /** The next frame: a text, `close CODE REASON`, or another opcode with its payload in hex. */
  async next() {
    const frame = await this.#take("a frame", (bytes) => {
      if (bytes.length < 2) return undefined;
      const length = bytes[1];
      if (length > 125) throw new Error(`no frame that is read here: ${bytes.toString("hex", 0, 4)}`);
      if (bytes.length < 2 + length) return undefined;
      return { value: [bytes[0] & 15, bytes.subarray(2, 2 + length)], length: 2 + length };
    });
    if (frame === undefined) return "closed";
    const [opcode, payload] = frame;
    if (opcode === TEXT) return `${payload}`;
    if (opcode !== CLOSE) return `opcode ${opcode} ${payload.toString("hex")}`;
    if (payload.length < 2) return "close";
    return `close ${payload.readUInt16BE()} ${payload.subarray(2)}`.trim();
  }

  cut() {
    this.socket.destroy();
  }

  /** What `find` makes of the bytes that have come, once it makes something of them. */
  async #take(what, find) {
    for (;;) {
      const found = find(this.#bytes);
      if (found !== undefined) {
        this.#bytes = this.#bytes.subarray(found.length);
        return found.value;
      }
      if (this.#ended) return undefined;
      await within(new Promise((wake) => (this.#wake = wake)), what);
    }
  }
}
