// One client connection as room code sees it: the server's end of its WebSocket, with PartyKit's
// id, uri and state on top.
//
// It stays usable as a value for as long as room code keeps it; what it asks of the host after the
// socket is gone goes nowhere. Who is connected is kept by party/room.js.

import { windowOf } from "../internal/bytes.js";
import { native } from "../internal/native.js";
import { includes, isArray, OwnError, OwnTypeError, Table } from "../internal/own.js";
import { EventTarget, hasListeners as hears } from "../web/events.js";
import { closeArguments } from "./close.js";

const { sendText, sendBytes, close } = native.connections;

const CONNECTING = 0;
export const OPEN = 1;
export const CLOSING = 2;
export const CLOSED = 3;

const NOT_JOINED = "You must call one of accept() or state.acceptWebSocket() on this WebSocket before " +
  "sending messages.";
const CLOSED_HERE = "Can't call WebSocket send() after close().";

const ATTACHMENT_BYTES_MAX = 2048;
const TAGS_MAX = 10;
const TAG_LENGTH_MAX = 256;

/** The host's handle. @type {(connection: Connection) => number} */
export let handleOf;
/** @type {(connection: Connection, state: number) => void} */
export let setReadyState;
/** Whether room code has closed it. @type {(connection: Connection) => boolean} */
export let isClosedHere;
/** @type {(connection: Connection, tags: string[]) => void} */
export let setTags;
/** It is among the room's connections, or was. @type {(connection: Connection) => void} */
export let markJoined;
/** @type {(connection: Connection, tag: string) => boolean} */
export let hasTag;

/** Whether anybody has ever listened on any connection: most rooms never ask further. */
export const listening = { somebody: false };
export { hears };

export class Connection extends EventTarget {
  static {
    handleOf = (connection) => connection.#handle;
    setReadyState = (connection, state) => {
      connection.#readyState = state;
    };
    isClosedHere = (connection) => connection.#mute === CLOSED_HERE;
    setTags = (connection, tags) => {
      connection.#tags = tags;
    };
    markJoined = (connection) => {
      if (connection.#mute === NOT_JOINED) connection.#mute = undefined;
    };
    hasTag = (connection, tag) => includes(connection.#tags, tag);
  }

  #handle;
  #hibernates;
  #readyState = OPEN;
  /** Why nothing can be sent: while its tags are asked for, and after room code has closed it. */
  /** @type {string | undefined} */
  #mute = NOT_JOINED;
  /** @type {unknown} */
  #state = null;
  /** @type {ArrayBuffer | undefined} */
  #attachment;
  /** @type {string[]} */
  #tags = [];
  /** The listeners that are set as attributes, by type. @type {Table<string, any> | undefined} */
  #attributes;

  /**
   * @param {number} handle
   * @param {string} id
   * @param {string} uri
   * @param {boolean} hibernates its state must survive without memory, and is checked for that
   */
  constructor(handle, id, uri, hibernates) {
    super();
    this.#handle = handle;
    this.#hibernates = hibernates;
    this.id = id;
    this.uri = uri;
    this.socket = this;
  }

  get readyState() {
    return this.#readyState;
  }

  /** Null: a server's end has no URL of its own. */
  get url() {
    return null;
  }

  get protocol() {
    return "";
  }

  get extensions() {
    return "";
  }

  get state() {
    return this.#state;
  }

  /**
   * @param {unknown} value the new state, or a function from the old to the new
   * @returns {unknown} the new state
   */
  setState(value) {
    const state = typeof value === "function" ? value(this.#state) : value;
    if (!this.#hibernates) {
      this.#state = state;
      return state;
    }
    // Kept before it is checked, and undefined is returned as it was given: as in the reference.
    this.#state = state ?? null;
    checkAttachment({ __pk: { id: this.id, uri: this.uri }, __user: this.#state });
    return state;
  }

  /** @deprecated use setState @param {unknown} value */
  serializeAttachment(value) {
    if (this.#hibernates) this.setState(value);
    else this.#attachment = checkAttachment(value);
  }

  /** @deprecated use state @returns {unknown} */
  deserializeAttachment() {
    if (this.#hibernates) return this.#state;
    if (this.#attachment === undefined) return null;
    return native.value.deserialize(this.#attachment, 0, this.#attachment.byteLength);
  }

  /**
   * Sends a message. What is neither text nor binary is converted to text.
   * @param {string | ArrayBuffer | ArrayBufferView} message
   */
  send(message) {
    if (this.#mute !== undefined) throw new OwnTypeError(this.#mute);
    if (typeof message === "string") {
      sendText(this.#handle, message);
      return;
    }
    const window = windowOf(message);
    if (window === undefined) sendText(this.#handle, `${message}`);
    else sendBytes(this.#handle, window.buffer, window.offset, window.length);
  }

  /**
   * Starts to close the connection; a second call does nothing.
   * @param {number} [code]
   * @param {string} [reason]
   */
  close(code, reason) {
    if (this.#mute === NOT_JOINED) throw new OwnTypeError(NOT_JOINED);
    if (this.#mute !== undefined) return;
    const checked = closeArguments(code, reason);
    this.#mute = CLOSED_HERE;
    if (this.#readyState < CLOSING) this.#readyState = CLOSING;
    close(this.#handle, checked.code, checked.reason);
  }

  /**
   * Where the room hibernates nobody is heard, as in the reference: a listener would be gone with
   * the memory.
   * @param {string} type
   * @param {((event: any) => void) | { handleEvent(event: any): void } | null} callback
   * @param {boolean | import("../web/events.js").ListenerOptions} [options]
   */
  addEventListener(type, callback, options) {
    if (this.#hibernates) return;
    listening.somebody = true;
    super.addEventListener(type, callback, options);
  }

  /** Server ends are accepted before room code sees them, but for getConnectionTags. */
  accept() {}

  get onmessage() { return this.#attributes?.get("message") ?? null; }
  set onmessage(callback) { this.#attribute("message", callback); }
  get onclose() { return this.#attributes?.get("close") ?? null; }
  set onclose(callback) { this.#attribute("close", callback); }
  get onerror() { return this.#attributes?.get("error") ?? null; }
  set onerror(callback) { this.#attribute("error", callback); }

  /** @param {string} type @param {unknown} callback */
  #attribute(type, callback) {
    this.#attributes ??= new Table();
    const before = this.#attributes.get(type);
    if (before !== undefined) this.removeEventListener(type, before);
    this.#attributes.delete(type);
    if (typeof callback !== "function") return;
    this.#attributes.set(type, callback);
    this.addEventListener(type, /** @type {(event: any) => void} */ (callback));
  }
}

for (const [name, value] of Object.entries({ CONNECTING, OPEN, CLOSING, CLOSED })) {
  for (const holder of [Connection, Connection.prototype]) {
    Object.defineProperty(holder, name, { value, enumerable: true });
    Object.defineProperty(holder, `READY_STATE_${name}`, { value, enumerable: true });
  }
}

/** @param {unknown} value @returns {ArrayBuffer} */
function checkAttachment(value) {
  const bytes = native.value.serialize(value);
  if (bytes.byteLength > ATTACHMENT_BYTES_MAX) {
    throw new OwnError(
      `A WebSocket 'attachment' cannot be larger than ${ATTACHMENT_BYTES_MAX} bytes.` +
        `'attachment' was ${bytes.byteLength} bytes.`,
    );
  }
  return bytes;
}

/**
 * The tags of a connection, its id first. Only those of a room that hibernates are checked, as in
 * the reference.
 * @param {string} id
 * @param {unknown} given what getConnectionTags returned
 * @param {boolean} hibernates
 * @returns {string[]}
 */
export function tagsOf(id, given, hibernates) {
  if (!isArray(given)) throw new OwnTypeError("getConnectionTags must return an array of strings.");
  /** @type {any[]} */
  const list = given;
  /** @type {any[]} */
  const tags = [id];
  for (let index = 0; index < list.length; index++) {
    const tag = list[index];
    if (tag !== id && (hibernates || typeof tag === "string")) tags[tags.length] = tag;
  }
  if (!hibernates) return tags;
  if (tags.length > TAGS_MAX) {
    throw new OwnError("A connection can only have 10 tags, including the default id tag.");
  }
  for (let index = 0; index < tags.length; index++) {
    const tag = tags[index];
    if (typeof tag !== "string") {
      throw new OwnError(`A connection tag must be a string. Received: ${tag}`);
    }
    if (tag === "") throw new OwnError("A connection tag must not be an empty string.");
    if (tag.length > TAG_LENGTH_MAX) {
      throw new OwnError(`A connection tag must not exceed ${TAG_LENGTH_MAX} characters`);
    }
  }
  return tags;
}

