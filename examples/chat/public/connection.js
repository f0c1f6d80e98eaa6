// One WebSocket to one room that comes back by itself after it was lost.
// Knows nothing of the page. `partysocket` from npm does the same and more; this one needs no
// build step.

const PAUSE_MS_MIN = 500;
const PAUSE_MS_MAX = 15_000;

export class Connection {
  // The same id each time, so that the room knows a visitor who comes back as the same one.
  #id = Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(36)).join("");
  #room;
  #query;
  #onState;
  #onMessage;
  #socket = null;
  #failures = 0;
  #timer = 0;
  #ended = false;

  /** `query` is asked for anew at each attempt; `onState` hears connecting, open and closed. */
  constructor(room, query, onState, onMessage) {
    this.#room = room;
    this.#query = query;
    this.#onState = onState;
    this.#onMessage = onMessage;
    this.#connect();
    addEventListener("online", this.#retryNow);
  }

  /** Whether the message could be handed to an open socket. */
  send(message) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  end() {
    this.#ended = true;
    clearTimeout(this.#timer);
    removeEventListener("online", this.#retryNow);
    this.#socket?.close(1000);
  }

  #retryNow = () => {
    if (this.#socket) return;
    clearTimeout(this.#timer);
    this.#connect();
  };

  #connect() {
    const url = new URL(`/party/${encodeURIComponent(this.#room)}`, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    url.hash = "";
    url.search = new URLSearchParams({ _pk: this.#id, ...this.#query() });
    const socket = new WebSocket(url);
    this.#socket = socket;
    this.#onState("connecting");
    socket.addEventListener("open", () => {
      if (this.#ended) return;
      this.#failures = 0;
      this.#onState("open");
    });
    socket.addEventListener("message", (event) => {
      if (!this.#ended) this.#onMessage(JSON.parse(event.data));
    });
    socket.addEventListener("close", () => this.#lost());
  }

  #lost() {
    this.#socket = null;
    if (this.#ended) return;
    this.#onState("closed");
    const pause = Math.min(PAUSE_MS_MAX, PAUSE_MS_MIN * 2 ** this.#failures++);
    // Spread, so that a room's visitors do not all come back in the same moment.
    this.#timer = setTimeout(() => this.#connect(), pause * (0.5 + Math.random() / 2));
  }
}
