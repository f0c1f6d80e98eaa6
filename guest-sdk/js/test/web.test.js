// Web APIs that need little of the guest: headers, requests, responses, events, abort signals.

import { effects, took } from "./native.js";
import assert from "node:assert/strict";
import { Console } from "node:console";
import { Writable } from "node:stream";
import { beforeEach, test } from "node:test";

const { AbortController, AbortSignal } = await import("../web/abort.js");
const { CustomEvent, Event, EventTarget } = await import("../web/events.js");
const { Headers } = await import("../web/headers.js");
const { Response } = await import("../web/response.js");
const { console: log } = await import("../web/console.js");
const { begin } = await import("../internal/life.js");
begin();

beforeEach(() => effects.splice(0));

test("headers ignore case, join values and sort", () => {
  const headers = new Headers([["B", "2"], ["a", " 1 "]]);
  headers.append("b", "3");
  headers.append("Set-Cookie", "x=1");
  headers.append("set-cookie", "y=2");
  assert.deepEqual([...headers], [
    ["a", "1"], ["b", "2, 3"], ["set-cookie", "x=1"], ["set-cookie", "y=2"],
  ]);
  assert.deepEqual(headers.getSetCookie(), ["x=1", "y=2"]);
  assert.equal(headers.get("B"), "2, 3");
  assert.equal(headers.get("none"), null);
  headers.delete("B");
  assert.equal(headers.has("b"), false);
});

test("headers refuse what no header may be", () => {
  for (const make of [
    () => new Headers({ "a b": "1" }),
    () => new Headers({ "": "1" }),
    () => new Headers({ a: "x\ny" }),
    () => new Headers({ a: "\u20ac" }),
    () => new Headers([["a"]]),
    () => new Headers(5),
  ]) assert.throws(make, TypeError);
});

test("a response checks its status and its body", () => {
  assert.throws(() => new Response("", { status: 99 }), RangeError);
  assert.throws(() => new Response("", { status: 600 }), RangeError);
  assert.throws(() => new Response("x", { status: 204 }), TypeError);
  assert.equal(new Response(null, { status: 204 }).ok, true);
  assert.equal(new Response("x").headers.get("content-type"), "text/plain;charset=UTF-8");
  assert.equal(new Response(new Uint8Array(1)).headers.get("content-type"), null);
});

test("the makers of responses follow the standard", async () => {
  const json = Response.json({ a: 1 }, { status: 201, headers: { "x-a": "b" } });
  assert.deepEqual([json.status, json.headers.get("content-type"), await json.json()], [
    201, "application/json", { a: 1 },
  ]);
  assert.throws(() => Response.json(undefined), TypeError);
  assert.equal(Response.error().type, "error");
});

test("a body is read once, a clone once more", async () => {
  const response = new Response("text");
  const copy = response.clone();
  assert.equal(await response.text(), "text");
  assert.equal(response.bodyUsed, true);
  await assert.rejects(response.text(), TypeError);
  assert.throws(() => response.clone(), TypeError);
  assert.equal(new Uint8Array(await copy.arrayBuffer()).length, 4);
  assert.equal(await new Response(null).text(), "");
});

test("listeners are called once each, in order, until one stops it", () => {
  const target = new EventTarget();
  const heard = [];
  const first = (event) => heard.push(`1 ${event.type}`);
  target.addEventListener("x", first);
  target.addEventListener("x", first);
  target.addEventListener("x", { handleEvent: () => heard.push("2") }, { once: true });
  target.addEventListener("y", () => heard.push("never"));
  target.dispatchEvent(new Event("x"));
  target.removeEventListener("x", first);
  target.dispatchEvent(new Event("x"));
  assert.deepEqual(heard, ["1 x", "2"]);
  target.addEventListener("z", (event) => event.stopImmediatePropagation());
  target.addEventListener("z", () => heard.push("never"));
  target.dispatchEvent(new Event("z"));
  assert.equal(heard.length, 2);
});

test("a listener that throws is reported and the next one is called", () => {
  const target = new EventTarget();
  let called = false;
  target.addEventListener("x", () => { throw new Error("listener"); });
  target.addEventListener("x", () => { called = true; });
  target.dispatchEvent(new Event("x"));
  assert.ok(called);
  assert.match(took()[0], /^4 Uncaught Error: listener/);
});

test("events carry what they were made with", () => {
  const event = new CustomEvent("c", { detail: 5, cancelable: true });
  const target = new EventTarget();
  target.addEventListener("c", (event) => {
    assert.equal(event.currentTarget, target);
    event.preventDefault();
  });
  assert.equal(target.dispatchEvent(event), false);
  assert.deepEqual([event.detail, event.target, event.currentTarget], [5, target, null]);
});

test("aborting tells listeners and followers once", () => {
  const controller = new AbortController();
  const any = AbortSignal.any([controller.signal, new AbortController().signal]);
  let calls = 0;
  any.addEventListener("abort", () => calls++);
  controller.signal.onabort = () => calls++;
  controller.abort("why");
  controller.abort("again");
  assert.deepEqual([calls, any.aborted, any.reason], [2, true, "why"]);
  assert.throws(() => any.throwIfAborted(), (error) => error === "why");
  assert.throws(() => new AbortSignal(), TypeError);
});

test("a listener goes with its signal", () => {
  const controller = new AbortController();
  const target = new EventTarget();
  let calls = 0;
  target.addEventListener("x", () => calls++, { signal: controller.signal });
  target.dispatchEvent(new Event("x"));
  controller.abort();
  target.dispatchEvent(new Event("x"));
  assert.equal(calls, 1);
});

test("console.table draws what Node draws", () => {
  let drawn = "";
  const stdout = new Writable({
    write: (text, _, done) => { drawn += text; done(); },
  });
  const node = new Console(stdout);
  for (const rows of [
    [[{ a: 1 }, { a: 2, b: "x" }]],
    [[1, "two", { c: 3 }]],
    [[[1, 2], [3]]],
    [{ x: { a: 1 }, y: { a: { b: {} } } }],
    [[{ many: { a: 1, b: 2, c: 3 }, list: [1, 2, 3] }]],
    [[{ a: 1, b: 2 }], ["b", "none"]],
    [new Map([["k", { v: 1 }], ["l", 2]])],
    [new Set(["a", { b: 1 }])],
    [[]],
    ["text"],
    [null],
  ]) {
    drawn = "";
    node.table(...rows);
    log.table(...rows);
    assert.equal(`${took()[0]}\n`, `1 ${drawn}`);
  }
});

test("console has levels, groups, counters, timers, assertions and tables", () => {
  log.debug("d"); log.log("l"); log.info("i"); log.warn("w"); log.error("e");
  assert.deepEqual(took(), ["0 d", "1 l", "2 i", "3 w", "4 e"]);
  log.group("outer"); log.log("in\nside"); log.groupEnd(); log.log("out");
  assert.deepEqual(took(), ["1 outer", "1   in\n  side", "1 out"]);
  log.count(); log.count(); log.count("x"); log.countReset(); log.count();
  assert.deepEqual(took(), ["1 default: 1", "1 default: 2", "1 x: 1", "1 default: 1"]);
  log.time("t"); log.timeEnd("t"); log.timeEnd("t");
  assert.match(took().join(), /^1 t: \d+ms,3 No such label 't'/);
  log.assert(true, "no"); log.assert(false, "%s", "yes"); log.assert(false);
  assert.deepEqual(took(), ["4 Assertion failed: yes", "4 Assertion failed"]);
  log.trace("here");
  assert.match(took()[0], /^4 Trace: here\n {4}at /);
});
