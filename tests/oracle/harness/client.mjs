// What a scenario talks with: WebSocket clients that are read in order, and plain HTTP.
// Every wait has an end, and its failure says what was waited for.

import { request as httpRequest } from "node:http";
import { WebSocket } from "ws";

export const WAIT_MS_MAX = 10_000;

/** Fails with a text instead of waiting for ever. */
export function within(promise, what, ms = WAIT_MS_MAX) {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`waited ${ms} ms for ${what}`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Asks again and again until the answer is a value. */
export async function eventually(what, ask, ms = WAIT_MS_MAX) {
  const end = Date.now() + ms;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (Date.now() > end) throw new Error(`waited ${ms} ms until ${what}`);
    await new Promise((wake) => setTimeout(wake, 15));
  }
}

export class Client {
  #arrived = [];
  #waiting = [];
  #ended;

  constructor(url, { protocols = [], headers = {} } = {}) {
    this.socket = new WebSocket(url, protocols, { perMessageDeflate: false, headers });
    this.handshake = new Promise((done) => {
      this.socket.on("open", () => done("open"));
      this.socket.on("error", (error) => {
        done(`error: ${error.message}`);
        this.#give(`error: ${error.message}`);
      });
      this.socket.on("unexpected-response", (_request, response) => {
        readText(response).then((body) => done(`${response.statusCode}: ${body}`));
      });
    });
    this.closed = new Promise((done) => {
      this.socket.on("close", (code, reason) => done(`${code} ${reason}`.trim()));
    });
    this.socket.on("message", (bytes, binary) => {
      this.#give(binary ? { bytes: bytes.toString("hex") } : bytes.toString());
    });
    this.closed.then((end) => {
      this.#ended = end;
      for (const { done } of this.#waiting.splice(0)) done(`closed: ${end}`);
    });
  }

  /** "open", or how the host refused. */
  outcome() {
    return within(this.handshake, "a handshake");
  }

  send(message) {
    this.socket.send(message);
  }

  /**
   * The next message; `{ bytes }` in hex when it is binary; `error: ...` when what came is no
   * WebSocket frame; `closed: ...` when none will come.
   */
  next(ms) {
    if (this.#arrived.length > 0) return Promise.resolve(this.#arrived.shift());
    if (this.#ended !== undefined) return Promise.resolve(`closed: ${this.#ended}`);
    return within(new Promise((done) => this.#waiting.push({ done })), "a message", ms);
  }

  /** So many messages. */
  async take(count) {
    const messages = [];
    while (messages.length < count) messages.push(await this.next());
    return messages;
  }

  /** All messages before the one that is equal to `last`: a barrier the room was asked to send. */
  async upTo(last) {
    const messages = [];
    for (;;) {
      const message = await this.next();
      if (message === last) return messages;
      if (`${message}`.startsWith("closed: ")) return [...messages, message];
      messages.push(message);
    }
  }

  ask(message) {
    this.send(message);
    return this.next();
  }

  /** Code and reason of the end. */
  end(ms) {
    return within(this.closed, "the end of a connection", ms);
  }

  close(code, reason) {
    this.socket.close(code, reason);
  }

  /** Ends the connection without a Close frame. */
  cut() {
    this.socket.terminate();
  }

  #give(message) {
    const waiting = this.#waiting.shift();
    if (waiting) waiting.done(message);
    else this.#arrived.push(message);
  }
}

/** One request by hand: paths go out exactly as they are written. */
export function request(address, path, { method = "GET", headers = {}, body } = {}) {
  const [host, port] = address.split(":");
  const answer = new Promise((done, failed) => {
    const call = httpRequest({ host, port, path, method, headers, agent: false }, (response) => {
      readText(response).then((text) => {
        const { statusCode: status, headers } = response;
        done({ status, type: headers["content-type"] ?? null, headers, body: text });
      }, failed);
    });
    // A handshake that was accepted: nobody goes on with it.
    call.on("upgrade", ({ statusCode: status, headers }, socket) => {
      socket.destroy();
      done({ status, type: null, headers, body: "" });
    });
    call.on("error", failed);
    call.end(body);
  });
  return within(answer, `an answer to ${method} ${path}`);
}

/**
 * A request whose answer is read piece by piece: its status, and `next()` with the text of the
 * next piece, "the end" or "broken off".
 */
export async function pieces(address, path) {
  const [host, port] = address.split(":");
  const response = await within(new Promise((done, failed) => {
    const call = httpRequest({ host, port, path, agent: false }, done);
    call.on("error", failed);
    call.end();
  }), `an answer to ${path}`);
  const stream = response.setEncoding("utf8")[Symbol.asyncIterator]();
  const next = () => within(
    stream.next().then(
      ({ done, value }) => (done ? "the end" : value),
      () => "broken off",
    ),
    `a piece of ${path}`,
  );
  return { status: response.statusCode, next };
}

async function readText(stream) {
  let text = "";
  for await (const chunk of stream.setEncoding("utf8")) text += chunk;
  return text;
}
