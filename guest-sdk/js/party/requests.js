// Requests that are being handled: whose client has gone is told by their signal.
//
// They are held here until they are settled, so that a handler which waits for nothing but that
// signal is not taken for one that can never end (party/settle.js).

import { Table } from "../internal/own.js";
import { scope } from "../internal/scope.js";
import { abortRequest } from "../web/request.js";

/** @type {Table<number, import("../web/request.js").Request>} */
const handled = new Table();

/** @param {number} event @param {import("../web/request.js").Request} request */
export function requestBegins(event, request) {
  handled.set(event, request);
}

/** It has been answered, or never will be. @param {number} event */
export function requestEnds(event) {
  handled.delete(event);
}

/** The client of a request that is not settled has gone. @param {number} event */
export function onAbort(event) {
  scope.current = scope.innermost;
  const request = handled.get(event);
  if (request === undefined) return;
  abortRequest(request, new DOMException("The client has gone.", "AbortError"));
}
