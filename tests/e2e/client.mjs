// A WebSocket client that can be asked for the next message, so that tests read in order.
// Owns one `ws` socket; knows nothing of the host's process.

import { WebSocket } from "ws";

const WAIT_MS_MAX = 30_000;

/** Fails with a text instead of waiting for ever. */
export function within(promise, what, ms = WAIT_MS_MAX) {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`waited ${ms} ms for ${what}`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Looks again and again until something is so. */
export async function eventually(what, isSo, ms = WAIT_MS_MAX) {
  const end = Date.now() + ms;
  while (!(await isSo())) {
    if (Date.now() > end) throw new Error(`waited ${ms} ms until ${what}`);
    await new Promise((wake) => setTimeout(wake, 20));
  }
}

/** What a host answered to a handshake that it did not accept. */
export class Refused extends Error {
  constructor(status, body) {
    super(`refused with ${status}: ${body}`);
    this.status = status;
    this.body = body;
  }
}

export class Client {
  #messages = [];
  #waiting = [];
  #end = null;

  /** Resolves once the connection is open. `socket.protocol` and the like are on `socket`. */
  static open(url, { protocols = [], ...options } = {}) {
    const client = new Client(new WebSocket(url, protocols, { perMessageDeflate: false, ...options }));
    return within(client.opened, `a connection to ${url}`).then(() => client);
  }

  constructor(socket) {
    this.socket = socket;
    this.opened = new Promise((done, fail) => {
      socket.on("open", done);
      socket.on("error", fail);
      socket.on("unexpected-response", (_request, response) => {
        let body = "";
        response.setEncoding("utf8");
        response.on("data", (text) => (body += text));
        response.on("end", () => fail(new Refused(response.statusCode, body)));
      });
    });
    this.closed = new Promise((done) => {
      socket.on("close", (code, reason) => done({ code, reason: reason.toString() }));
    });
    socket.on("message", (data, binary) => this.#arrived(binary ? data : data.toString()));
    this.closed.then((end) => {
      this.#end = end;
      for (const { fail } of this.#waiting.splice(0)) fail(this.#ended());
    });
  }

  /** The next message: a string or a Buffer. */
  next(ms) {
    if (this.#messages.length > 0) return Promise.resolve(this.#messages.shift());
    if (this.#end) return Promise.reject(this.#ended());
    const message = new Promise((done, fail) => this.#waiting.push({ done, fail }));
    return within(message, "a message", ms);
  }

  async nextJson() {
    return JSON.parse(await this.next());
  }

  /** Sends, and gives the next message. */
  ask(message) {
    this.socket.send(message);
    return this.next();
  }

  /** How the connection ended. */
  end(ms) {
    return within(this.closed, "the end of the connection", ms);
  }

  /** Ends the connection from here. */
  close(code = 1000, reason = "") {
    this.socket.close(code, reason);
    return this.end();
  }

  #arrived(message) {
    const waiting = this.#waiting.shift();
    if (waiting) waiting.done(message);
    else this.#messages.push(message);
  }

  #ended() {
    return new Error(`the connection ended: ${this.#end.code} ${this.#end.reason}`);
  }
}
