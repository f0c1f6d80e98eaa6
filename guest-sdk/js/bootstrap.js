// The platform, put together: installs the web's globals and exports the functions that events are
// delivered to (guest-sdk/quickjs/src/runtime.rs takes them by name). Evaluated once, before the
// code of the user.

import { makeBuiltins } from "./internal/builtins.js";
import { reportRejection } from "./internal/errors.js";
import { native } from "./internal/native.js";
import "./internal/clone.js";
import "./internal/no-eval.js";
import { expose } from "./internal/webidl.js";
import { rehearse } from "./party/rehearse.js";
import { AbortController, AbortSignal } from "./web/abort.js";
import { console } from "./web/console.js";
import { crypto, Crypto } from "./web/crypto.js";
import { TextDecoder, TextEncoder } from "./web/encoding.js";
import {
  CloseEvent, CustomEvent, ErrorEvent, Event, EventTarget, MessageEvent,
} from "./web/events.js";
import { onBody } from "./web/bodies.js";
import { Headers } from "./web/headers.js";
import { performance } from "./web/performance.js";
import { Request } from "./web/request.js";
import { Response } from "./web/response.js";
import {
  ByteLengthQueuingStrategy, CountQueuingStrategy, ReadableStream, ReadableStreamDefaultController,
} from "./web/streams.js";
import { ReadableStreamDefaultReader } from "./web/stream-reader.js";
import { structuredClone } from "./web/structured-clone.js";
import { clearTimeout, setInterval, setTimeout } from "./web/timers.js";
import { URL, URLSearchParams } from "./web/url.js";

expose({
  AbortController, AbortSignal, ByteLengthQueuingStrategy, clearInterval: clearTimeout,
  clearTimeout, CloseEvent, console, CountQueuingStrategy, crypto, Crypto, CustomEvent, ErrorEvent, Event, EventTarget, Headers, MessageEvent,
  navigator: Object.freeze({ userAgent: "Cloudflare-Workers" }),
  performance, ReadableStream, ReadableStreamDefaultController, ReadableStreamDefaultReader,
  Request, Response, self: globalThis, setInterval, setTimeout, structuredClone,
  TextDecoder, TextEncoder, URL, URLSearchParams,
});

// Seeded by the host when a room starts; the engine's own would be the same in every room.
Math.random = native.random.math;

rehearse();
makeBuiltins();

export {
  onAlarm, onClose, onConnect, onError, onMessage, onRequest, onStart, register, warnings,
} from "./party/dispatch.js";
export { onAbort } from "./party/requests.js";
export { stranded } from "./party/settle.js";
export { onSynced } from "./party/storage.js";
export { onTimer } from "./web/timers.js";
export { onBody, reportRejection };
