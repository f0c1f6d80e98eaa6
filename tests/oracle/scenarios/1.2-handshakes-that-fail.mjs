// Section 1.2 of the reference: what happens to a connection that goes wrong while it is made.

import { frame, handshake, TEXT } from "../harness/raw.mjs";
import { scenarios } from "../harness/run.mjs";

/** A client that leaves while it is held at `where`; then it is let go on. */
const gone = (kind, where) => async (stage) => {
  const path = `/party/${kind}~${where}`;
  const client = stage.raw(handshake(`${path}?_pk=gone&hold=${where}`));
  await stage.noted(path, `held: ${where}`);
  client.cut();
  // Those who come after it are served: by then the host has heard that it left.
  const other = await stage.connect(`${path}?_pk=other`);
  await other.next();
  for (let round = 0; round < 20; round++) await other.ask("hello");
  // A host that tells a waiting room of the end does it now.
  if (where === "connect") await stage.noted(path, "onClose gone", 1_000).catch(() => {});
  await stage.answer(`${path}?open=${where}`);
  const notes = await stage.noted(path, "onClose gone", 2_000).catch(() => stage.notes(path));
  stage.saw("notes", notes.filter((note) => note.includes("gone")));
  stage.saw("who is there", await stage.json(path));
};

const both = (mode, prefix) => ({
  [`1.2 a client gone during getConnectionTags, ${mode}`]: gone(`${prefix}Held`, "tags"),
  [`1.2 a client gone during onConnect, ${mode}`]: gone(`${prefix}Held`, "connect"),

  [`1.2 a message sent before the answer arrives after onConnect, ${mode}`]: async (stage) => {
    const path = `/party/${prefix}Held~early`;
    const early = frame(TEXT, "too early");
    const client = stage.raw(handshake(`${path}?_pk=me&hold=connect`), early);
    await stage.noted(path, "held: connect");
    await stage.answer(`${path}?open=connect`);
    stage.saw("status", (await client.head()).status);
    stage.saw("messages", [await client.next(), await client.next()]);
    stage.saw("notes", await stage.notes(path));
  },

  [`1.2 send and close in getConnectionTags, ${mode}`]: async (stage) => {
    for (const how of ["send", "close"]) {
      const path = `/party/${prefix}EarlyUse~${how}`;
      stage.saw(how, await stage.dial(`${path}?how=${how}`).next());
      stage.saw(`${how}: notes`, await stage.notes(path));
    }
  },

  [`1.2 send, close and a throw in onConnect, ${mode}`]: async (stage) => {
    for (const what of ["close", "throw", "close&throw"]) {
      const path = `/party/${prefix}ConnectCloses~${what}`;
      const client = stage.dial(`${path}?${what}`);
      stage.saw(`${what}: outcome`, await client.outcome());
      stage.saw(`${what}: message`, await client.next());
      stage.saw(`${what}: end`, await client.end(3_000).catch(() => "none within 3 s"));
      const notes = await stage.noted(path, "onClose", 2_000).catch(() => stage.notes(path));
      stage.saw(`${what}: notes`, notes);
      stage.saw(`${what}: connections`, (await stage.answer(path)).body);
    }
  },
});

export default scenarios("class", {
  ...both("in memory", ""),
  ...both("hibernating", "Hibernating"),

  "1.2 a throw in onConnect of a room that hibernates": async (stage) => {
    const path = "/party/HibernatingConnectThrows~1";
    const client = stage.dial(`${path}?_pk=dead`);
    stage.saw("outcome", await client.outcome());
    stage.saw("end", await client.end());
    const alive = await stage.connect(`${path}?_pk=alive&stay`);
    stage.saw("connections", await alive.next());
    alive.close();
    stage.saw("notes", await stage.noted(path, "onClose alive"));
  },

  "1.2 throws in onConnect that are no errors": async (stage) => {
    for (const what of ["null", "number", "object"]) {
      const client = stage.dial(`/party/ConnectThrowsValues~1?what=${what}`);
      stage.saw(what, await client.end());
    }
  },

  "1.2 onStart throws with a code": async (stage) => {
    stage.saw("a request", await stage.answer("/party/StartThrowsCode~1"));
    stage.saw("a socket", await stage.dial("/party/StartThrowsCode~2").outcome());
  },
});
