// Events to handlers: every export of the contract arrives here as plain numbers, strings and
// buffers, finds its connection, calls the user's handler in the form that handler has, and is
// settled when the handler's promise is done. What is awaited meanwhile lets other events in.

import { begin, life } from "../internal/life.js";
import { native } from "../internal/native.js";
import { byteLengthOf, OwnError, OwnTypeError } from "../internal/own.js";
import { scope } from "../internal/scope.js";
import { CloseEvent, ErrorEvent, MessageEvent } from "../web/events.js";
import { send } from "../web/bodies.js";
import { abortRequest, incomingRequest } from "../web/request.js";
import { outgoing, Response } from "../web/response.js";
import {
  CLOSED, CLOSING, Connection, handleOf, hears, isClosedHere, listening,
  markJoined, setReadyState, setTags, tagsOf,
} from "./connection.js";
import { requestBegins, requestEnds } from "./requests.js";
import { Connections, makeRoom } from "./room.js";
import { startSection, whenIdle } from "./sections.js";
import { isThenable, settleFailed, whenDone } from "./settle.js";
import { definitionOf, hibernates } from "./shape.js";

const { done } = native.events;
const WHEN_CONNECTING = "Uncaught exception when connecting";
const WHEN_REQUESTING = "Uncaught exception when making a request";

/** @type {import("./shape.js").Definition} */
let definition;
/** @type {Record<string, unknown>} */
let env;
let isClass = false;

/** What events are delivered to. Stands in the room's life, because every room has its own. */
export class Party {
  /**
   * @param {any} instance the user's class made, or the user's object
   * @param {ReturnType<typeof makeRoom>} room
   * @param {Connections} connections
   * @param {boolean} hibernating
   */
  constructor(instance, room, connections, hibernating) {
    this.instance = instance;
    this.room = room;
    this.connections = connections;
    this.hibernating = hibernating;
  }
}


/**
 * The bundle was evaluated.
 * @param {unknown} exported its default export
 * @param {Record<string, unknown>} vars
 */
export function register(exported, vars) {
  definition = definitionOf(exported);
  isClass = definition.isClass;
  env = vars;
}

/** @returns {string[]} */
export function warnings() {
  return definition.warnings;
}

/**
 * @param {number} event @param {number} section @param {string} id @param {string} internalID
 * @param {string} name
 */
export function onStart(event, section, id, internalID, name) {
  begin();
  const leave = startSection(section);
  scope.current = section;
  const finish = (/** @type {number} */ event) => {
    leave();
    done(event);
  };
  const fail = (/** @type {number} */ event, /** @type {unknown} */ error) => {
    leave();
    settleFailed(event, error, WHEN_REQUESTING);
  };
  try {
    const connections = new Connections();
    const room = makeRoom({ id, internalID, name }, { ...env }, connections);
    const instance = isClass ? new definition.target(room) : definition.target;
    connections.ready = true;
    const hibernating = hibernates(definition, instance);
    life.party = new Party(instance, room, connections, hibernating);
    whenDone(event, start(), finish, fail);
  } catch (error) {
    fail(event, error);
  }
}

/** The user's onStart, between the sections that constructor and onStart may have opened. */
function start() {
  const constructed = whenIdle(1);
  return constructed === undefined ? startNow() : startAfter(constructed);
}

/** @param {Promise<void>} constructed */
async function startAfter(constructed) {
  await constructed;
  return startNow();
}

function startNow() {
  const started = isClass ? life.party.instance.onStart?.() : undefined;
  return isThenable(started) ? idleAfter(started) : whenIdle(1);
}

/** @param {PromiseLike<unknown>} started */
async function idleAfter(started) {
  await started;
  return whenIdle(1);
}

/**
 * @param {number} event @param {number} handle @param {string} id @param {string} uri
 * @param {string} method @param {string} url @param {string[]} headers
 */
export function onConnect(event, handle, id, uri, method, url, headers) {
  scope.current = scope.innermost;
  const { instance, connections, hibernating } = life.party;
  const connection = new Connection(handle, id, uri, hibernating);
  connections.add(connection);
  const fail = (/** @type {number} */ event, /** @type {unknown} */ error) => {
    // The host forgets it without a word: nobody will tell of its end.
    connections.remove(connection);
    setReadyState(connection, CLOSED);
    settleFailed(event, error, WHEN_CONNECTING);
  };
  try {
    const context = { request: incomingRequest(method, url, headers) };
    const tags = isClass && instance.getConnectionTags !== undefined
      ? instance.getConnectionTags(connection, context)
      : [];
    const joined = isThenable(tags)
      ? joinWith(connection, tags, context)
      : join(connection, tags, context);
    whenDone(event, joined, done, fail);
  } catch (error) {
    fail(event, error);
  }
}

/**
 * @param {Connection} connection @param {unknown} tags @param {object} context
 * @returns {unknown} what the handler returned
 */
function join(connection, tags, context) {
  const { instance, room, connections, hibernating } = life.party;
  const checked = tagsOf(connection.id, tags, hibernating);
  setTags(connection, checked);
  if (!native.connections.accept(handleOf(connection), checked)) {
    // It went, or was sent away, while its tags were awaited: nobody has joined.
    connections.remove(connection);
    setReadyState(connection, CLOSED);
    return undefined;
  }
  connections.join(connection);
  markJoined(connection);
  return isClass
    ? instance.onConnect?.(connection, context)
    : instance.onConnect?.(connection, room, context);
}

/** @param {Connection} connection @param {PromiseLike<unknown>} tags @param {object} context */
async function joinWith(connection, tags, context) {
  return join(connection, await tags, context);
}

/** @param {number} event @param {number} sender @param {string | ArrayBuffer} data */
export function onMessage(event, sender, data) {
  scope.current = scope.innermost;
  const { instance, room, connections } = life.party;
  const connection = connections.get(sender);
  if (connection === undefined) {
    done(event);
    return;
  }
  let result;
  let failure;
  try {
    if (instance.onMessage) {
      result = isClass
        ? instance.onMessage(data, connection)
        : instance.onMessage(data, connection, room);
    }
  } catch (error) {
    failure = { error };
  }
  if (listening.somebody && hears(connection)) {
    connection.dispatchEvent(new MessageEvent("message", { data }));
  }
  if (failure !== undefined) failed(event, failure.error);
  else if (result === undefined) done(event);
  else whenDone(event, result, done, failed);
}

/**
 * @param {number} event @param {number} handle @param {string} id @param {string} uri
 * @param {number} code @param {string} reason @param {boolean} wasClean
 */
export function onClose(event, handle, id, uri, code, reason, wasClean) {
  scope.current = scope.innermost;
  const { instance, room, connections, hibernating } = life.party;
  // A guest that replaced a failed one never saw the connection's beginning.
  const connection = connections.get(handle) ?? new Connection(handle, id, uri, hibernating);
  connections.remove(connection);
  markJoined(connection);
  if (isClosedHere(connection)) setReadyState(connection, CLOSED);
  else if (wasClean || hibernating) setReadyState(connection, CLOSING);
  const over = (/** @type {number} */ event) => {
    setReadyState(connection, CLOSED);
    done(event);
  };
  const call = () => isClass
    ? instance.onClose?.(connection, code, reason, wasClean)
    : instance.onClose?.(connection, room, code, reason, wasClean);
  deliver(event, call, over);
  if (hears(connection)) {
    connection.dispatchEvent(new CloseEvent("close", { code, reason, wasClean }));
  }
}

/**
 * @param {number} event @param {number} handle @param {string} id @param {string} uri
 * @param {string} message
 */
export function onError(event, handle, id, uri, message) {
  scope.current = scope.innermost;
  const { instance, room, connections, hibernating } = life.party;
  const connection = connections.get(handle) ?? new Connection(handle, id, uri, hibernating);
  markJoined(connection);
  const error = new OwnError(message);
  const call = () => isClass
    ? instance.onError?.(connection, error)
    : instance.onError?.(connection, error, room);
  deliver(event, call, done);
  if (hears(connection)) {
    connection.dispatchEvent(new ErrorEvent("error", { error, message }));
  }
}

/** @param {number} event */
export function onAlarm(event) {
  scope.current = scope.innermost;
  const { instance, room } = life.party;
  const call = () => isClass ? instance.onAlarm?.() : instance.onAlarm?.(room);
  deliver(event, call, done);
}

/**
 * @param {number} event @param {string} method @param {string} url @param {string[]} headers
 * @param {ArrayBuffer} [whole] @param {number} [pieces] the one or the other, when it has a body
 */
export function onRequest(event, method, url, headers, whole, pieces) {
  scope.current = scope.innermost;
  const { instance, room } = life.party;
  const fail = (/** @type {number} */ event, /** @type {unknown} */ error) => {
    requestEnds(event);
    settleFailed(event, error, WHEN_REQUESTING);
  };
  try {
    if (typeof instance.onRequest !== "function") throw new OwnError("No onRequest handler");
    const request = incomingRequest(method, url, headers, whole, pieces);
    requestBegins(event, request);
    const finish = (/** @type {number} */ event, /** @type {unknown} */ response) =>
      respond(event, request, response);
    const result = isClass ? instance.onRequest(request) : instance.onRequest(request, room);
    whenDone(event, result, finish, fail);
  } catch (error) {
    fail(event, error);
  }
}

/**
 * @param {number} event @param {import("../web/request.js").Request} request
 * @param {unknown} response
 */
function respond(event, request, response) {
  if (!(response instanceof Response)) {
    throw new OwnTypeError(
      "Incorrect type for Promise: the Promise did not resolve to 'Response'.",
    );
  }
  const { status, headers, whole, stream } = outgoing(response);
  if (stream === undefined) {
    const length = whole === undefined ? 0 : byteLengthOf(whole);
    native.events.response(event, status, headers, whole, 0, length);
  } else {
    send(
      stream,
      (body) => native.events.streamed(event, status, headers, body),
      (reason) => abortRequest(request, reason),
    );
  }
  requestEnds(event);
}

/** @param {number} event @param {() => unknown} call @param {(event: number) => void} finish */
function deliver(event, call, finish) {
  try {
    whenDone(event, call(), finish, failed);
  } catch (error) {
    failed(event, error);
  }
}

/** @param {number} event @param {unknown} error */
function failed(event, error) {
  settleFailed(event, error, "Uncaught exception");
}
