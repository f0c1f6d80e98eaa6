// The room as its code sees it (`Party.Room`), and who is connected.
//
// Connections are kept by the host's handle, not by the client's id: two sockets may use the same
// id for a while (a client that reconnects faster than its old socket dies), and the end of the
// old one must not hide the new one.

import { windowOf } from "../internal/bytes.js";
import { native } from "../internal/native.js";
import { includes, Table } from "../internal/own.js";
import { hasTag, handleOf, OPEN } from "./connection.js";
import { blockConcurrencyWhile } from "./sections.js";
import { DurableObjectStorage } from "./storage.js";

/** @typedef {import("./connection.js").Connection} Connection */

const { defineProperty } = Object;
const { broadcastText, broadcastBytes } = native.connections;
/** @type {number[]} */
const NOBODY = [];

export class Connections {
  /** Every connection whose end has not been delivered. @type {Table<number, Connection>} */
  #all = new Table();
  /** Those that were accepted, in the order of acceptance. @type {Table<number, Connection>} */
  #joined = new Table();
  /** Whether there can be connections: not before the room's object is made. */
  ready = false;

  /** @param {Connection} connection */
  add(connection) {
    this.#all.set(handleOf(connection), connection);
  }

  /** @param {number} handle */
  get(handle) {
    return this.#all.get(handle);
  }

  /** @param {Connection} connection */
  join(connection) {
    this.#joined.set(handleOf(connection), connection);
  }

  /** @param {Connection} connection */
  remove(connection) {
    this.#all.delete(handleOf(connection));
    this.#joined.delete(handleOf(connection));
  }

  /** The newest open connection with this id. @param {string} id */
  newest(id) {
    const joined = this.#joined.list();
    for (let index = joined.length - 1; index >= 0; index--) {
      if (joined[index].id === id && joined[index].readyState === OPEN) return joined[index];
    }
  }

  /** @param {string} [tag] none or empty: all @returns {Generator<Connection, void>} */
  *open(tag) {
    const joined = this.#joined.list();
    for (let index = 0; index < joined.length; index++) {
      const connection = joined[index];
      if (connection.readyState !== OPEN) continue;
      if (!tag || hasTag(connection, tag)) yield connection;
    }
  }

  /** @param {ArrayLike<string>} ids @returns {number[]} the handles that bear one of these ids */
  handles(ids) {
    /** @type {number[]} */
    const handles = [];
    const joined = this.#joined.list();
    for (let index = 0; index < joined.length; index++) {
      if (includes(ids, joined[index].id)) handles[handles.length] = handleOf(joined[index]);
    }
    return handles;
  }
}

/**
 * @param {{ id: string, internalID: string, name: string }} who
 * @param {object} env
 * @param {Connections} connections
 */
export function makeRoom(who, env, connections) {
  const room = {
    id: who.id,
    internalID: who.internalID,
    name: who.name,
    env,
    storage: new DurableObjectStorage(),
    blockConcurrencyWhile,
    /**
     * Sends to every open connection whose id is not in `without`.
     * @param {string | ArrayBuffer | ArrayBufferView} message
     * @param {string[]} [without]
     */
    broadcast(message, without) {
      const except = without && without.length > 0 ? connections.handles(without) : NOBODY;
      const window = typeof message === "string" ? undefined : windowOf(message);
      if (window === undefined) broadcastText(`${message}`, except);
      else broadcastBytes(window.buffer, window.offset, window.length, except);
    },
    context: { bindings: { r2: {}, kv: {} } },
    /** @param {string} id @returns {Connection | undefined} */
    getConnection(id) {
      if (!connections.ready) warnEarly("getConnection");
      return connections.newest(`${id}`);
    },
    /** A single-use iterator. @param {string} [tag] @returns {IterableIterator<Connection>} */
    getConnections(tag) {
      if (!connections.ready) warnEarly("getConnections");
      return connections.open(tag);
    },
    analytics,
  };
  defineProperty(room, "connections", deprecated.connections);
  defineProperty(room, "parties", deprecated.parties);
  return room;
}

/**
 * Accessors that every room has, made once: the engine makes up the name of such a function anew
 * for each object that is written with one, in tables that lie in the image.
 */
const deprecated = /** @type {Record<string, PropertyDescriptor>} */ (
  Object.getOwnPropertyDescriptors({
    /** @deprecated use getConnections */
    get connections() {
      console.warn("room.connections is deprecated, use room.getConnections() instead");
      const open = [.../** @type {any} */ (this).getConnections()];
      return new Map(open.map((connection) => [connection.id, connection]));
    },
    /** @deprecated use context.parties */
    get parties() {
      console.warn("room.parties is deprecated, use room.context.parties instead");
      return /** @type {any} */ (this).context.parties;
    },
  })
);

let analyticsUsed = false;

/** Data points go nowhere; code that writes them goes on. */
const analytics = {
  writeDataPoint() {
    if (!analyticsUsed) console.log("analytics.writeDataPoint is not implemented: nothing is kept.");
    analyticsUsed = true;
  },
};

/** @param {string} name */
function warnEarly(name) {
  console.warn(`.${name}() was called before the first connection: there are none yet.`);
}
