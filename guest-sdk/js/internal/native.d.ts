// What the Rust side of the guest offers: guest-sdk/quickjs/src/natives, one interface a file.

/** What a value of storage or of structuredClone may be; checked when it is written. */
type Serializable = unknown;

/** Made by internal/native.js. */
export const native: Native;

export interface Native {
  alarms: {
    /** Milliseconds since 1970; -1 when there is none. */
    get(): number;
    set(atMs: number): void;
    delete(): void;
  };
  bodies: {
    open(): number;
    /** False: enough until the body is ready again. Undefined: it is gone. */
    write(
      body: number,
      buffer: ArrayBuffer,
      offset: number,
      length: number,
      scope: number,
    ): boolean | undefined;
    finish(body: number): void;
    abort(body: number): void;
    /** Whether an answer will come; otherwise the body is gone. */
    pull(body: number, scope: number): boolean;
    cancel(body: number): void;
  };
  clock: {
    /** Milliseconds since 1970, with fractions. */
    now(): number;
    /** Milliseconds since some fixed moment, with fractions. */
    monotonic(): number;
  };
  connections: {
    /** Whether it is still there. */
    accept(connection: number, tags: string[]): boolean;
    sendText(connection: number, text: string): void;
    sendBytes(connection: number, buffer: ArrayBuffer, offset: number, length: number): void;
    broadcastText(text: string, without: number[]): void;
    broadcastBytes(
      buffer: ArrayBuffer,
      offset: number,
      length: number,
      without: number[],
    ): void;
    /** Code 0 sends a Close frame without one. */
    close(connection: number, code: number, reason: string): void;
  };
  encoding: {
    encode(text: string): ArrayBuffer;
    /** UTF-16 units read and bytes written. */
    encodeInto(text: string, buffer: ArrayBuffer, offset: number, length: number): [number, number];
    decodeUtf8: Decode;
    decodeUtf16: Decode;
  };
  events: {
    done(event: number): void;
    /** Whether it is a promise of the engine's own that has its value. */
    isFulfilled(value: unknown): boolean;
    /** Status 0 is none. */
    failed(event: number, message: string, detail: string, status: number): void;
    /** Headers are flat: name, value, name, value. */
    response(
      event: number,
      status: number,
      headers: string[],
      buffer: ArrayBuffer | undefined,
      offset: number,
      length: number,
    ): void;
    /** The same with a body that is written from now on. Whether the event was still owed one. */
    streamed(event: number, status: number, headers: string[], body: number): boolean;
  };
  log: {
    /** Level 0 is debug, 1 log, 2 info, 3 warn, 4 error. */
    write(level: number, text: string): void;
  };
  random: {
    fill(buffer: ArrayBuffer, offset: number, length: number): void;
    uuid(): string;
    math(): number;
  };
  sections: {
    enter(outer: number, isTransaction: boolean): number;
    /** Ending 0 is keep, 1 rollback, 2 broken. */
    leave(scope: number, ending: number): void;
  };
  storage: {
    get(key: string): unknown;
    /** Flat: key, value, key, value; those that exist, in order. */
    find(keys: string[]): unknown[];
    /** Flat: key, value, key, value. All are written or none. */
    put(entries: Serializable[]): void;
    /** How many existed. All are deleted or none. */
    delete(keys: string[]): number;
    deleteAll(): void;
    /** What will be synced; 0 when everything is already. */
    sync(scope: number): number;
    /** Flat: key, value, key, value. */
    list(
      start: string | undefined,
      end: string | undefined,
      prefix: string | undefined,
      reverse: boolean,
      limit: number | undefined,
    ): unknown[];
  };
  timers: {
    set(delayMs: number, scope: number): number;
    clear(timer: number): void;
  };
  url: {
    /** href, protocol, username, password, host, hostname, port, pathname, search, hash, origin. */
    parse(input: string, base: string | undefined): string[] | undefined;
    set(href: string, part: string, value: string): string[] | undefined;
    parseQuery(query: string): string[];
    writeQuery(pairs: string[]): string;
  };
  value: {
    support(functions: object): void;
    serialize(value: Serializable): ArrayBuffer;
    deserialize(buffer: ArrayBuffer, offset: number, length: number): unknown;
    clone(value: Serializable): unknown;
  };
}

/** The text, and how many bytes at the end are left for the next call. */
type Decode = (
  buffer: ArrayBuffer,
  offset: number,
  length: number,
  fatal: boolean,
  stream: boolean,
) => [string, number];
