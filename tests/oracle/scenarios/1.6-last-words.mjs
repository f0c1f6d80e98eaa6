// Section 1.6 of the reference: messages around the end of a connection, what is told of errors,
// and where options may stand.

import { frame, handshake, TEXT } from "../harness/raw.mjs";
import { scenarios } from "../harness/run.mjs";

/** All that a client still gets. */
async function rest(client) {
  const messages = [];
  for (;;) {
    const message = await client.next(2_000).catch(() => "nothing within 2 s");
    messages.push(message);
    if (/^(closed|nothing)/.test(message)) return messages;
  }
}

const both = (mode, prefix) => ({
  [`1.6 what a client gets after it said close, ${mode}`]: async (stage) => {
    const path = `/party/${prefix}LastWords~1`;
    const client = await stage.connect(`${path}?_pk=me`);
    client.send("hello");
    client.send("put 1");
    client.close(1000, "bye");
    await stage.noted(path, "onClose");
    stage.saw("notes", await stage.noted(path, "sent after put"));
    stage.saw("it got", await rest(client));
  },

  [`1.6 what a client gets of a handler that waits when it said close, ${mode}`]: async (stage) => {
    const path = `/party/${prefix}LastWords~5`;
    const client = await stage.connect(`${path}?_pk=me`);
    client.send("hold door");
    client.close(1000, "bye");
    await stage.noted(path, "onClose");
    stage.saw("its end", await client.end(2_000).catch(() => "none within 2 s"));
    await stage.answer(`${path}?open=door`);
    stage.saw("notes", await stage.noted(path, "sent after hold"));
    stage.saw("it got", await rest(client));
  },

  [`1.6 messages after the server's close, ${mode}`]: async (stage) => {
    const path = `/party/${prefix}LastWords~2`;
    // This client does not answer a Close frame, so it may go on to send.
    const client = stage.raw(handshake(`${path}?_pk=me`));
    await client.head();
    client.write(frame(TEXT, "close"));
    stage.saw("the end it is told", await client.next());
    client.write(frame(TEXT, "hello"), frame(TEXT, "last"));
    const notes = await stage.noted(path, "onMessage last", 3_000).catch(() => stage.notes(path));
    stage.saw("notes", notes);
  },

  [`1.6 onClose after a room was reset, ${mode}`]: async (stage) => {
    const path = `/party/${prefix}LastWords~3`;
    const client = await stage.connect(`${path}?_pk=old`);
    const other = await stage.connect(`${path}?_pk=bystander`);
    client.send("reset");
    await Promise.all([client.end(), other.end()]);
    const young = await stage.connect(`${path}?_pk=young`);
    await young.ask("hello");
    await stage.noted(path, "onClose bystander", 2_000).catch(() => "there is none");
    stage.saw("notes", (await stage.notes(path)).sort());
    stage.saw("storage", await stage.json(path));
  },

  [`1.6 a throw in onMessage is logged, ${mode}`]: async (stage) => {
    const client = await stage.connect(`/party/${prefix}LastWords~4`);
    for (const what of ["throw", "reject"]) {
      const word = `${what}-${mode.replace(" ", "-")}`;
      client.send(`${what} ${word}`);
      const past = what === "throw" ? "thrown" : "rejected";
      stage.saw(what, await stage.server.prints(new RegExp(`${past} for ${word}`), 10_000));
    }
  },
});

const listening = async (stage, kind) => {
  const client = await stage.connect(`/party/${kind}~1`);
  client.send("hello");
  client.send("barrier");
  const messages = await client.upTo("done");
  return messages.some((message) => message.startsWith("listener")) ? "in memory" : "hibernating";
};

export default scenarios("class", {
  ...both("in memory", ""),
  ...both("hibernating", "Hibernating"),

  "1.6 onError of a class: its arguments": async (stage) => {
    const path = "/party/Kept~5";
    const client = await stage.connect(`${path}?_pk=me`);
    client.send("x".repeat(33 * 1024 * 1024));
    const notes = await stage.noted(path, "onError");
    stage.saw("notes", notes.filter((note) => note.startsWith("onError")));
  },

  "1.6 options that are set in the constructor": async (stage) => {
    for (const kind of ["ConstructorOptions", "GetterOptions", "TruthyOptions"]) {
      stage.saw(kind, await listening(stage, kind));
    }
  },

  "1.6 options that are set in onStart come too late": async (stage) => {
    stage.saw("the room is", await listening(stage, "LateOptions"));
  },

  "1.6 static options are ignored": async (stage) => {
    stage.saw("the room is", await listening(stage, "StaticOptions"));
  },
});
