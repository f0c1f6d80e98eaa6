/**
 * What a room's code may use, as types: `import type * as Party from "partykit/server"`.
 *
 * There is no code behind this module. Members that PartyKit has and this version does not have
 * yet (alarms, transactions, other parties, static handlers) are left out on purpose, so that a
 * program that needs them does not compile here.
 */

// The web's own types (Request, Response, URL, WebSocket) come from TypeScript's "dom" or from
// any other library that declares them.

/** A value that may be stored: anything that structuredClone() can copy. */
type Storable = unknown;

/** What every connection may keep for itself; see {@link Connection.setState}. */
export type ConnectionState<T> = T | null;

/**
 * A function from the old state to the new one. Written as a method so that a handler may narrow
 * its connection's type (`onConnect(connection: Connection<Player>)`).
 */
export type ConnectionSetStateFn<T> = { update(previous: ConnectionState<T>): T }["update"];

/** An HTTP request to a room. */
export type Request = globalThis.Request & {
  /** Where the client is, as far as it is known. Every member may be missing. */
  readonly cf?: Readonly<Record<string, unknown>>;
};

/** One client's WebSocket, seen from the room. */
export interface Connection<TState = unknown> extends Omit<
  WebSocket,
  "close" | "send" | "url" | "addEventListener" | "removeEventListener"
> {
  /** The client's own id (`_pk` in its URL), or a random one. Two sockets may share it for a while. */
  readonly id: string;
  /** The connection itself. */
  readonly socket: WebSocket;
  /** URL of the request that opened the connection. */
  readonly uri: string;
  /** What setState() was last given; null before. */
  readonly state: ConnectionState<TState>;
  /** Null: the server's end of a WebSocket has no URL. */
  readonly url: string | null;

  /**
   * Keeps something with this connection.
   *
   * A room with `options.hibernate` loses its memory while its connections stay: there, the state
   * is limited to 2,048 bytes and must be clonable. In other rooms it is any value.
   */
  setState(state: TState | ConnectionSetStateFn<TState> | null): ConnectionState<TState>;

  /** @deprecated Use {@link Connection.setState}. */
  serializeAttachment(attachment: Storable): void;
  /** @deprecated Use {@link Connection.state}. */
  deserializeAttachment<T = unknown>(): T | null;

  /**
   * Sends a message. It leaves when everything that the room has written before is durable.
   *
   * @throws TypeError after {@link Connection.close}. Once the client is gone, it does nothing.
   */
  send(message: string | ArrayBuffer | ArrayBufferView): void;

  /**
   * Starts to close the connection.
   *
   * @param code 1000 to 4999 without 1004, 1005, 1006 and 1015. Without one, the client reads 1005.
   * @param reason Cut after 123 bytes. Needs a code.
   */
  close(code?: number, reason?: string): void;

  addEventListener(
    type: "message",
    listener: (event: MessageEvent<string | ArrayBuffer>) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: "close",
    listener: (event: CloseEvent) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: "error",
    listener: (event: ErrorEvent) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener(
    type: "message" | "close" | "error",
    listener: (event: never) => void,
    options?: boolean | EventListenerOptions,
  ): void;
}

/** What a handler learns about the request that opened a connection. */
export interface ConnectionContext {
  readonly request: Request;
}

/** Which entries {@link Storage.list} gives. Keys are ordered by their UTF-8 bytes. */
export interface ListOptions {
  /** First key. */
  start?: string;
  /** The key before the first one. Not together with `start`. */
  startAfter?: string;
  /** The key behind the last one. */
  end?: string;
  prefix?: string;
  reverse?: boolean;
  limit?: number;
}

/**
 * Accepted for PartyKit's sake, and without effect: no other event ever enters between a call and
 * its result, nothing leaves before what was written is durable, and what a room remembers of its
 * storage is never out of date.
 */
export interface StorageOptions {
  allowConcurrency?: boolean;
  allowUnconfirmed?: boolean;
  noCache?: boolean;
}

/**
 * The room's durable storage.
 *
 * Writes without an await between them become durable together or not at all, and nothing that the
 * room sends later leaves before they are. Keys have at most 2,048 bytes, values 128 KiB.
 */
export interface Storage {
  get<T = unknown>(key: string, options?: StorageOptions): Promise<T | undefined>;
  /** Those of at most 128 keys that exist, in the order of the keys. */
  get<T = unknown>(keys: string[], options?: StorageOptions): Promise<Map<string, T>>;
  put<T extends Storable>(key: string, value: T, options?: StorageOptions): Promise<void>;
  /** Members that are undefined are left out. */
  put<T extends Storable>(entries: Record<string, T>, options?: StorageOptions): Promise<void>;
  /** Whether there was a value. */
  delete(key: string, options?: StorageOptions): Promise<boolean>;
  /** How many there were. */
  delete(keys: string[], options?: StorageOptions): Promise<number>;
  list<T = unknown>(options?: ListOptions & StorageOptions): Promise<Map<string, T>>;
  /** Deletes every key. The alarm stays. */
  deleteAll(options?: StorageOptions): Promise<void>;

  /**
   * Runs a function while no other event enters the room, and keeps what it writes as a whole.
   * When it throws, nothing of it is kept, and the room goes on.
   *
   * @returns What the function returns.
   */
  transaction<T>(run: (transaction: Transaction) => T | Promise<T>): Promise<T>;

  /** When the alarm is due, in milliseconds since 1970. Null while its handler runs. */
  getAlarm(options?: StorageOptions): Promise<number | null>;
  /**
   * Sets the room's one alarm: {@link Server.onAlarm} runs then, whether or not anybody is
   * connected. It is durable together with what is written beside it.
   */
  setAlarm(time: number | Date, options?: StorageOptions): Promise<void>;
  deleteAlarm(options?: StorageOptions): Promise<void>;

  /** Resolves when everything that was written so far is durable. */
  sync(): Promise<void>;
}

/** What {@link Storage.transaction} calls its function with. */
export interface Transaction
  extends Omit<Storage, "deleteAll" | "transaction" | "sync"> {
  /** Forgets what the transaction has written. */
  rollback(): void;
  /** @deprecated Throws: not within a transaction. */
  deleteAll(): never;
}

/** What lies around a room. Other parties and assets are not there yet. */
export interface Context {}

/** One room: the place where connections meet. */
export interface Room {
  /** The room's name in its URL, as it stands there (not decoded). */
  readonly id: string;
  /** 64 hexadecimal digits that stay the same over deployments and hosts. */
  readonly internalID: string;
  /** The party that the room belongs to: `main`, or a key of `parties` in partykit.json. */
  readonly name: string;
  /** Variables of the project. */
  readonly env: Record<string, unknown>;
  readonly storage: Storage;
  readonly context: Context;

  /**
   * Runs a function while no other event enters the room.
   *
   * @returns What the function returns. When it throws, the room is reset: its connections are
   *   closed and its memory is lost.
   */
  blockConcurrencyWhile<T>(callback: () => T | Promise<T>): Promise<T>;

  /**
   * Sends to every open connection.
   *
   * @param without Ids of connections that are left out.
   */
  broadcast(message: string | ArrayBuffer | ArrayBufferView, without?: string[]): void;

  /** The newest open connection with this id. */
  getConnection<TState = unknown>(id: string): Connection<TState> | undefined;

  /**
   * The open connections, in the order in which they came. The iterator can be used once.
   *
   * @param tag Only those that {@link Server.getConnectionTags} gave this tag.
   */
  getConnections<TState = unknown>(tag?: string): IterableIterator<Connection<TState>>;

  /** @deprecated Use {@link Room.getConnections}. */
  readonly connections: Map<string, Connection>;
}

/** Choices that a room's class makes as the field `options`. */
export interface ServerOptions {
  /** The room's memory may be dropped while its connections stay; see {@link Connection.setState}. */
  hibernate?: boolean;
}

/**
 * A room's code as a class: `export default class Chat implements Party.Server`. One is made for
 * each room, with the room as the constructor's argument.
 *
 * Handlers run interleaved at their awaits. While storage is read or written, nothing else runs.
 */
export interface Server {
  readonly options?: ServerOptions;

  /** Runs before anything else; other events wait until its promise is done. */
  onStart?(): void | Promise<void>;

  /** Names by which `room.getConnections(tag)` finds this connection, at most nine. */
  getConnectionTags?(
    connection: Connection,
    context: ConnectionContext,
  ): string[] | Promise<string[]>;

  /** A client joins. It is connected when the handler's promise is done. */
  onConnect?(connection: Connection, context: ConnectionContext): void | Promise<void>;

  onMessage?(message: string | ArrayBuffer, sender: Connection): void | Promise<void>;

  /**
   * A connection has ended; runs once for each. The last three arguments are ours: PartyKit passes
   * only the connection.
   */
  onClose?(
    connection: Connection,
    code: number,
    reason: string,
    wasClean: boolean,
  ): void | Promise<void>;

  /** Something went wrong with a connection that is about to be closed. */
  onError?(connection: Connection, error: Error): void | Promise<void>;

  onRequest?(request: Request): Response | Promise<Response>;

  /**
   * The alarm that {@link Storage.setAlarm} set is due. When it throws it runs again after 2
   * seconds, then 4 and so on, six times at most.
   */
  onAlarm?(): void | Promise<void>;
}

/** A class for rooms: `export default Chat satisfies Party.Worker`. */
export interface Worker {
  new (room: Room): Server;
}

/**
 * A room's code as an object: `export default { … } satisfies PartyKitServer`. It is shared by
 * nothing: every room has a copy of the whole module.
 */
export interface PartyKitServer {
  onConnect?(
    connection: Connection,
    room: Room,
    context: ConnectionContext,
  ): void | Promise<void>;
  onMessage?(
    message: string | ArrayBuffer,
    sender: Connection,
    room: Room,
  ): void | Promise<void>;
  onClose?(
    connection: Connection,
    room: Room,
    code: number,
    reason: string,
    wasClean: boolean,
  ): void | Promise<void>;
  onError?(connection: Connection, error: Error, room: Room): void | Promise<void>;
  onRequest?(request: Request, room: Room): Response | Promise<Response>;
  onAlarm?(room: Room): void | Promise<void>;
}

/** @deprecated Use {@link Room}. */
export type Party = Room;
/** @deprecated Use {@link Request}. */
export type PartyRequest = Request;
/** @deprecated Use {@link Storage}. */
export type PartyStorage = Storage;
/** @deprecated Use {@link Storage}. */
export type PartyKitStorage = Storage;
/** @deprecated Use {@link ConnectionContext}. */
export type PartyConnectionContext = ConnectionContext;
/** @deprecated Use {@link ConnectionContext}. */
export type PartyKitContext = ConnectionContext;
/** @deprecated Use {@link Context}. */
export type PartyContext = Context;
/** @deprecated Use {@link Connection}. */
export type PartyConnection = Connection;
/** @deprecated Use {@link Server}. */
export type PartyServer = Server;
/** @deprecated Use {@link Worker}. */
export type PartyWorker = Worker;
/** @deprecated Use {@link Room}. */
export type PartyKitRoom = Room;
/** @deprecated Use {@link Connection}. */
export type PartyKitConnection = Connection;
/** @deprecated Use {@link ServerOptions}. */
export type PartyServerOptions = ServerOptions;
