// Readable streams. Each scenario runs on Node's own ReadableStream and on ours, and must write
// down the same; what is ours alone (bodies, clones) has tests below.

import "./native.js";
import assert from "node:assert/strict";
import { test } from "node:test";

const ours = {
  ...await import("../web/streams.js"),
  ReadableStreamDefaultReader: (await import("../web/stream-reader.js")).ReadableStreamDefaultReader,
};
const { Response } = await import("../web/response.js");

const turn = () => new Promise((resolve) => setImmediate(resolve));
const caught = (promise) => promise.then((value) => value, (error) => `${error?.name ?? error}`);
const thrown = (call) => {
  try {
    return call();
  } catch (error) {
    return error.name;
  }
};
const all = async (stream) => {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
};

/** @type {Record<string, (web: any, log: (...entry: any[]) => void) => unknown>} */
const scenarios = {
  async "chunks are read in order and then the end"({ ReadableStream }, log) {
    const stream = new ReadableStream({
      start(c) { c.enqueue(1); c.enqueue("two"); c.enqueue(undefined); c.close(); },
    });
    const reader = stream.getReader();
    log(stream.locked);
    for (let n = 0; n < 5; n++) log(await reader.read());
    log(await reader.closed);
  },

  async "pull is called while less is queued than wanted"({ ReadableStream }, log) {
    let n = 0;
    const stream = new ReadableStream(
      { pull(c) { log("pull", c.desiredSize); c.enqueue(++n); } },
      { highWaterMark: 3 },
    );
    await turn();
    const reader = stream.getReader();
    log(await reader.read());
    await turn();
    log(await reader.read());
    await turn();
  },

  async "without a high water mark it is pulled by readers only"({ ReadableStream }, log) {
    let n = 0;
    const stream = new ReadableStream(
      { async pull(c) { log("pull"); await turn(); c.enqueue(++n); } },
      { highWaterMark: 0 },
    );
    await turn();
    log("nothing yet");
    const reader = stream.getReader();
    log(await Promise.all([reader.read(), reader.read(), reader.read()]));
    await turn();
  },

  async "nothing is pulled before start is done"({ ReadableStream }, log) {
    let resolve;
    const started = new Promise((done) => { resolve = done; });
    const stream = new ReadableStream({ start: () => started, pull(c) { log("pull"); c.close(); } });
    const read = stream.getReader().read();
    await turn();
    log("started");
    resolve();
    log(await read);
  },

  async "an exception in start, pull or a rejected start breaks it"({ ReadableStream }, log) {
    log(thrown(() => new ReadableStream({ start() { throw new RangeError("x"); } })));
    const pull = new ReadableStream({ pull() { throw new RangeError("pull"); } });
    log(await caught(pull.getReader().read()));
    const start = new ReadableStream({ start: async () => { throw new SyntaxError("start"); } });
    const reader = start.getReader();
    log(await caught(reader.read()), await caught(reader.closed), await caught(reader.cancel()));
  },

  async "an error throws away what is queued"({ ReadableStream }, log) {
    let controller;
    const stream = new ReadableStream({ start(c) { controller = c; c.enqueue(1); } });
    controller.error(new RangeError("broken"));
    log(controller.desiredSize, thrown(() => controller.enqueue(2)), thrown(() => controller.close()));
    controller.error("again");
    const reader = stream.getReader();
    log(await caught(reader.read()), await caught(reader.closed));
  },

  async "after close nothing can be added, and what is queued is still read"({ ReadableStream }, log) {
    let controller;
    const stream = new ReadableStream({ start(c) { controller = c; c.enqueue(1); c.close(); } });
    log(controller.desiredSize, thrown(() => controller.enqueue(2)), thrown(() => controller.close()));
    log(await all(stream), controller.desiredSize);
  },

  async "sizes come from the strategy"({ ReadableStream, ByteLengthQueuingStrategy }, log) {
    let controller;
    new ReadableStream({ start(c) { controller = c; } }, new ByteLengthQueuingStrategy({ highWaterMark: 10 }));
    controller.enqueue(new Uint8Array(4));
    controller.enqueue(new Uint8Array(9));
    log(controller.desiredSize);
    for (const size of [() => -1, () => NaN, () => Infinity, () => { throw new SyntaxError("s"); }]) {
      const stream = new ReadableStream({ start(c) { controller = c; } }, { size });
      log(thrown(() => controller.enqueue(1)), await caught(stream.getReader().read()));
    }
  },

  async "the strategies have their members"({ CountQueuingStrategy, ByteLengthQueuingStrategy }, log) {
    const count = new CountQueuingStrategy({ highWaterMark: 5 });
    const bytes = new ByteLengthQueuingStrategy({ highWaterMark: "7" });
    log(count.highWaterMark, count.size("any"), bytes.highWaterMark, bytes.size({ byteLength: 3 }));
    log(thrown(() => new CountQueuingStrategy()));
  },

  async "arguments are checked"({ ReadableStream, ReadableStreamDefaultController }, log) {
    for (const make of [
      () => new ReadableStream(null), () => new ReadableStream(5),
      () => new ReadableStream({ pull: 5 }), () => new ReadableStream({ type: "x" }),
      () => new ReadableStream({}, { highWaterMark: -1 }),
      () => new ReadableStream({}, { highWaterMark: NaN }),
      () => new ReadableStream({}, { size: 5 }),
      () => new ReadableStream({ type: "bytes" }, { size: () => 1 }),
      () => new ReadableStreamDefaultController(),
      () => new ReadableStream().getReader({ mode: "byob" }),
      () => ReadableStream.from(5), () => ReadableStream.from(null),
    ]) log(thrown(() => { make(); return "fine"; }));
  },

  async "cancel tells the source, once"({ ReadableStream }, log) {
    const stream = new ReadableStream({
      start(c) { c.enqueue(1); }, cancel(reason) { log("cancel", reason); return "ignored"; },
    });
    const reader = stream.getReader();
    log(await caught(stream.cancel("locked")));
    log(await reader.cancel("why"), await reader.cancel("again"), await reader.read());
    log(await reader.closed);
    log(await caught(new ReadableStream({ cancel() { throw new RangeError("c"); } }).cancel()));
  },

  async "a lock is one reader's until it is released"({ ReadableStream, ReadableStreamDefaultReader }, log) {
    let controller;
    const stream = new ReadableStream({ start(c) { controller = c; } });
    const reader = stream.getReader();
    log(thrown(() => stream.getReader()), thrown(() => stream.tee()), thrown(() => stream.values()));
    log(thrown(() => new ReadableStreamDefaultReader({})));
    const waiting = reader.read();
    reader.releaseLock();
    reader.releaseLock();
    log(await caught(waiting), await caught(reader.read()), await caught(reader.closed));
    log(await caught(reader.cancel()), stream.locked);
    controller.enqueue("later");
    controller.close();
    const next = new ReadableStreamDefaultReader(stream);
    log(await next.read(), await next.closed);
    next.releaseLock();
    log(await caught(next.closed));
  },

  async "both branches of a tee get every chunk"({ ReadableStream }, log) {
    const value = {};
    let n = 0;
    const stream = new ReadableStream({
      pull(c) { if (n++ < 3) c.enqueue(n === 1 ? value : n); else c.close(); },
    });
    const [a, b] = stream.tee();
    const [first, second] = await Promise.all([all(a), all(b)]);
    log(stream.locked, first.length, second.slice(1), first[0] === value, second[0] === value);
  },

  async "a tee is cancelled when both branches are"({ ReadableStream }, log) {
    const stream = new ReadableStream({ cancel(reason) { log("cancel", reason); } });
    const [a, b] = stream.tee();
    const first = a.cancel("a");
    await turn();
    log("not yet");
    log(await b.cancel("b"), await first);
  },

  async "a tee passes errors on"({ ReadableStream }, log) {
    let controller;
    const [a, b] = new ReadableStream({ start(c) { controller = c; } }).tee();
    const read = a.getReader().read();
    controller.error(new RangeError("late"));
    log(await caught(read), await caught(b.getReader().closed));
    let broken;
    const failed = new ReadableStream({ start(c) { broken = c; } });
    broken.error(new SyntaxError("early"));
    log(await Promise.all(failed.tee().map((branch) => caught(branch.getReader().read()))));
  },

  async "a branch that is cancelled does not stop the other"({ ReadableStream }, log) {
    let n = 0;
    const [a, b] = new ReadableStream({ pull(c) { if (n++ < 2) c.enqueue(n); else c.close(); } }).tee();
    const cancelled = a.cancel("a");
    log(await all(b), await cancelled);
  },

  async "leaving a loop cancels unless told otherwise"({ ReadableStream }, log) {
    const make = () => new ReadableStream({
      start(c) { c.enqueue(1); c.enqueue(2); }, cancel(reason) { log("cancel", reason); },
    });
    const first = make();
    for await (const chunk of first) { log(chunk); break; }
    log(first.locked, await first.getReader().read());
    const second = make();
    for await (const chunk of second.values({ preventCancel: true })) { log(chunk); break; }
    log(second.locked, await second.getReader().read());
    log(await caught((async () => { for await (const _ of make()) throw new RangeError("out"); })()));
  },

  async "an iterator's calls wait for each other"({ ReadableStream }, log) {
    const stream = new ReadableStream({
      async pull(c) { await turn(); c.enqueue("x"); }, cancel() { log("cancel"); },
    });
    const iterator = stream.values();
    log(await Promise.all([iterator.next(), iterator.next(), iterator.return("r"), iterator.next()]));
    log(stream.locked, await iterator.return("again"), iterator[Symbol.asyncIterator]() === iterator);
  },

  async "an error ends an iteration and frees the stream"({ ReadableStream }, log) {
    let n = 0;
    const stream = new ReadableStream({ pull(c) { if (n++) throw new RangeError("r"); c.enqueue(n); } });
    const iterator = stream.values();
    log(await iterator.next(), await caught(iterator.next()), await iterator.next(), stream.locked);
  },

  async "streams are made from iterables"({ ReadableStream }, log) {
    log(await all(ReadableStream.from(["a", Promise.resolve("b")])), await all(ReadableStream.from("xy")));
    log(await all(ReadableStream.from((async function* () { yield 1; yield 2; })())));
    async function* endless() {
      try {
        for (let n = 0; ; n++) yield n;
      } finally {
        log("returned");
      }
    }
    const stream = ReadableStream.from(endless());
    for await (const chunk of stream) if (chunk === 2) break;
    const throws = ReadableStream.from((function* () { yield 1; throw new RangeError("it"); })());
    const reader = throws.getReader();
    log(await reader.read(), await caught(reader.read()));
  },

  async "a pull that adds nothing is not repeated until something changes"({ ReadableStream }, log) {
    let controller;
    let calls = 0;
    const stream = new ReadableStream({ start(c) { controller = c; }, pull() { calls++; } });
    await turn();
    log(calls);
    controller.enqueue(1);
    const reader = stream.getReader();
    await reader.read();
    await turn();
    log(calls);
  },

  async "names and members look as they do elsewhere"({ ReadableStream }, log) {
    const stream = new ReadableStream();
    log(`${stream}`, `${stream.getReader()}`, ReadableStream.name, ReadableStream.length);
    log(ReadableStream.prototype[Symbol.asyncIterator] === ReadableStream.prototype.values);
  },
};

/** What a scenario writes down with one implementation. */
async function transcript(scenario, web) {
  const lines = [];
  await scenario(web, (...entry) => lines.push(structuredClone(entry)));
  return lines;
}

for (const [name, scenario] of Object.entries(scenarios)) {
  test(name, async () => {
    const expected = await transcript(scenario, globalThis);
    assert.notEqual(expected.length, 0);
    assert.deepEqual(await transcript(scenario, ours), expected);
  });
}

const { ReadableStream } = ours;
const text = (value) => new TextEncoder().encode(value);

test("chunks of a stream of bytes become Uint8Arrays of the same bytes", async () => {
  const stream = new ReadableStream({
    type: "bytes",
    start(c) {
      c.enqueue(new Uint16Array([513, 3]).subarray(0, 1));
      assert.throws(() => c.enqueue("text"), TypeError);
      assert.throws(() => c.enqueue(new Uint8Array(0)), TypeError);
      c.close();
    },
  });
  assert.deepEqual(await all(stream), [new Uint8Array([1, 2])]);
});

test("a body may be a stream and is read once", async () => {
  const stream = ReadableStream.from([text("a"), text("bc").buffer, new DataView(text("xdx").buffer, 1, 1)]);
  const response = new Response(stream);
  assert.equal(response.body, stream);
  assert.deepEqual([response.bodyUsed, response.headers.get("content-type")], [false, null]);
  const read = response.text();
  assert.equal(response.bodyUsed, true);
  assert.equal(await read, "abcd");
  await assert.rejects(response.text(), /already been used/);
  assert.throws(() => new Response(stream), TypeError);
});

test("a body whose stream is locked cannot be read or cloned", async () => {
  const response = new Response(ReadableStream.from([]));
  response.body.getReader();
  await assert.rejects(response.bytes(), /locked/);
  assert.throws(() => response.clone(), /locked/);
  assert.equal(response.bodyUsed, false);
});

test("a body's stream that gives no bytes rejects and is cancelled", async () => {
  let reason;
  const stream = new ReadableStream({ start(c) { c.enqueue("text"); }, cancel(r) { reason = r; } });
  await assert.rejects(new Response(stream).arrayBuffer(), TypeError);
  assert.ok(reason instanceof TypeError);
});

test("a whole body has a stream when somebody asks for it", async () => {
  const response = new Response("text");
  const { body } = response;
  assert.equal(response.body, body);
  assert.equal(response.bodyUsed, false);
  assert.deepEqual(await all(body), [text("text")]);
  assert.equal(response.bodyUsed, true);
  await assert.rejects(response.text(), TypeError);
  assert.equal(await new Response(new Response("moved").body).text(), "moved");
  assert.equal(new Response(null).body, null);
  assert.deepEqual(await all(new Response("").body), []);
  const used = new Response("x");
  await used.text();
  assert.equal((await used.body.getReader().read()).done, true);
});

test("a clone of a streamed body has chunks of its own", async () => {
  const chunk = text("abc");
  const response = new Response(ReadableStream.from([chunk]));
  const copy = response.clone();
  const [mine] = await all(response.body);
  const [other] = await all(copy.body);
  assert.equal(mine, chunk);
  assert.deepEqual(Array.from(other), Array.from(chunk));
  assert.notEqual(other.buffer, chunk.buffer);
});
