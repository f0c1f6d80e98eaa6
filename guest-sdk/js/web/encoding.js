// TextEncoder and TextDecoder. The work is done in Rust; here are labels, options and the bytes
// that a stream keeps for its next call. Encodings: UTF-8 and UTF-16LE.

import { windowOf } from "../internal/bytes.js";
import { native } from "../internal/native.js";
import { asInterface } from "../internal/webidl.js";

const { encode, encodeInto, decodeUtf8, decodeUtf16 } = native.encoding;

/** @type {Record<string, string[]>} */
const LABELS = {
  "utf-8": [
    "utf-8", "utf8", "unicode-1-1-utf-8", "unicode11utf8", "unicode20utf8", "x-unicode20utf8",
  ],
  "utf-16le": [
    "utf-16le", "utf-16", "csunicode", "iso-10646-ucs-2", "ucs-2", "unicode", "unicodefeff",
  ],
};

export class TextEncoder {
  get encoding() { return "utf-8"; }

  /** @param {string} [input] @returns {Uint8Array<ArrayBuffer>} */
  encode(input = "") {
    return new Uint8Array(encode(`${input}`));
  }

  /**
   * As many whole characters as fit.
   * @param {string} source
   * @param {Uint8Array} destination
   */
  encodeInto(source, destination) {
    if (!(destination instanceof Uint8Array)) {
      throw new TypeError("encodeInto() takes a Uint8Array as its second argument.");
    }
    const { buffer, byteOffset, byteLength } = destination;
    const [read, written] =
      encodeInto(`${source}`, /** @type {ArrayBuffer} */ (buffer), byteOffset, byteLength);
    return { read, written };
  }
}

export class TextDecoder {
  #encoding;
  #fatal;
  #ignoreBom;
  /** Bytes of a character whose rest is still to come. @type {Uint8Array | undefined} */
  #kept;
  #bomSeen = false;

  /** @param {string} [label] @param {{ fatal?: boolean, ignoreBOM?: boolean }} [options] */
  constructor(label = "utf-8", options) {
    const wanted = `${label}`.trim().toLowerCase();
    const found = Object.entries(LABELS).find(([, labels]) => labels.includes(wanted));
    if (found === undefined) {
      throw new RangeError(`The encoding label provided ('${label}') is not supported.`);
    }
    this.#encoding = found[0];
    this.#fatal = Boolean(options?.fatal);
    this.#ignoreBom = Boolean(options?.ignoreBOM);
  }

  get encoding() { return this.#encoding; }
  get fatal() { return this.#fatal; }
  get ignoreBOM() { return this.#ignoreBom; }

  /**
   * @param {ArrayBuffer | ArrayBufferView} [input]
   * @param {{ stream?: boolean }} [options]
   * @returns {string}
   */
  decode(input = new ArrayBuffer(0), options) {
    const stream = Boolean(options?.stream);
    const { buffer, offset, length } = this.#joined(input);
    const decode = this.#encoding === "utf-8" ? decodeUtf8 : decodeUtf16;
    this.#kept = undefined;
    const [text, left] = decode(buffer, offset, length, this.#fatal, stream);
    if (left > 0) this.#kept = new Uint8Array(buffer.slice(offset + length - left, offset + length));
    const bom = !this.#ignoreBom && !this.#bomSeen && text.charCodeAt(0) === 0xfeff;
    this.#bomSeen = stream && (this.#bomSeen || text.length > 0);
    return bom ? text.slice(1) : text;
  }

  /** @param {unknown} input */
  #joined(input) {
    const window = windowOf(input);
    if (window === undefined) {
      throw new TypeError("decode() takes an ArrayBuffer or a view on one.");
    }
    if (this.#kept === undefined) return window;
    const whole = new Uint8Array(this.#kept.length + window.length);
    whole.set(this.#kept);
    whole.set(new Uint8Array(window.buffer, window.offset, window.length), this.#kept.length);
    return { buffer: whole.buffer, offset: 0, length: whole.length };
  }
}

asInterface(TextEncoder, "encoding", "encode", "encodeInto");
asInterface(TextDecoder, "encoding", "fatal", "ignoreBOM", "decode");
