// Section 1.6 of the reference: handlers, their arguments, and the matrix of ends.

import { scenarios } from "../harness/run.mjs";

/** The longest message that the reference takes, in bytes. */
const MIB = 1024 * 1024;

/** The ends of connections are the same rows in both modes of a room. */
const ends = (mode, kind) => ({
  [`1.6 onClose after the client closes with a code, ${mode}`]: async (stage) => {
    const path = `/party/${kind}~1`;
    await (await stage.connect(`${path}?name=other&_pk=other`)).ask("hello");
    const client = await stage.connect(`${path}?name=A&_pk=a`);
    await client.ask("hello");
    client.close(4002, "goodbye");
    stage.saw("notes", await stage.noted(path, "onClose"));
    stage.saw("its own arguments", await stage.json(path));
    stage.saw("the client's end", await client.end(3_000).catch(() => "none within 3 s"));
  },

  [`1.6 onClose after the client closes without a code, ${mode}`]: async (stage) => {
    const path = `/party/${kind}~2`;
    const client = await stage.connect(`${path}?name=A`);
    await client.ask("hello");
    client.close();
    stage.saw("notes", await stage.noted(path, "onClose"));
    stage.saw("the client's end", await client.end(3_000).catch(() => "none within 3 s"));
  },

  [`1.6 onClose after the server closes, ${mode}`]: async (stage) => {
    const path = `/party/${kind}~3`;
    const client = await stage.connect(`${path}?name=A`);
    stage.saw("the client's end", await client.ask("close me"));
    stage.saw("notes", await stage.noted(path, "onClose"));
    const silent = await stage.connect(`${path}?name=B`);
    stage.saw("without a code", await silent.ask("close me silently"));
    stage.saw("notes then", await stage.noted(path, "onClose B"));
  },

  [`1.6 onClose after the connection is cut, ${mode}`]: async (stage) => {
    const path = `/party/${kind}~4`;
    const client = await stage.connect(`${path}?name=A`);
    await client.ask("hello");
    client.cut();
    stage.saw("notes", await stage.noted(path, "onClose"));
  },

  [`1.6 a message of 1 MiB, ${mode}`]: async (stage) => {
    const client = await stage.connect(`/party/${kind}~5?name=A`);
    stage.saw("length of the answer", (await client.ask("x".repeat(MIB))).length);
  },

  [`1.6 a throw in onMessage leaves the connection open, ${mode}`]: async (stage) => {
    const client = await stage.connect(`/party/${kind}~6?name=A`);
    client.send("throw");
    client.send("reject");
    stage.saw("the next answer", await client.ask("still there"));
  },
});

export default scenarios("class", {
  ...ends("in memory", "Ends"),
  ...ends("hibernating", "HibernatingEnds"),

  // In memory only: what the reference's hibernating rooms do changes from run to run.
  "1.6 a message above 1 MiB": async (stage) => {
    const client = await stage.connect("/party/Ends~7?name=A");
    stage.saw("the answer", `${await client.ask("x".repeat(MIB + 1))}`.slice(0, 60));
    const notes = await stage.notes("/party/Ends~7");
    stage.saw("notes of onError", notes.filter((note) => note.startsWith("onError")));
  },

  // What the client sees is left out: hanging up on somebody who still sends may lose the frame
  // that says why.
  "1.6 onError and onClose after a message above every limit": async (stage) => {
    const path = "/party/Ends~8";
    const client = await stage.connect(`${path}?name=A`);
    client.send("x".repeat(33 * MIB));
    await stage.noted(path, "onError");
    await stage.noted(path, "onClose", 2_000).catch(() => "there is none");
    stage.saw("notes", await stage.notes(path));
  },

  "1.6 onMessage gets strings and ArrayBuffers": async (stage) => {
    for (const kind of ["Messages", "HibernatingMessages"]) {
      const client = await stage.connect(`/party/${kind}~1`);
      stage.saw(`${kind}: text`, await client.ask("héllo"));
      stage.saw(`${kind}: empty text`, await client.ask(""));
      stage.saw(`${kind}: bytes`, await client.ask(Buffer.from([1, 2, 255])));
      stage.saw(`${kind}: no bytes`, await client.ask(Buffer.alloc(0)));
    }
  },

  "1.6 handlers that are class fields": async (stage) => {
    const client = await stage.connect("/party/Fields~1");
    stage.saw("onConnect", await client.next());
    stage.saw("onMessage", await client.ask("hello"));
    stage.saw("onRequest", await stage.answer("/party/Fields~1"));
  },
});
