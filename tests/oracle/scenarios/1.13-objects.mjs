// Section 1.13 of the reference: the object form.

import { eventually } from "../harness/client.mjs";
import { scenarios } from "../harness/run.mjs";

export default [
  ...scenarios("object", {
    "1.13 arguments and this of an object's handlers": async (stage) => {
      const client = await stage.connect("/party/one");
      stage.saw("onConnect", await client.next());
      stage.saw("onRequest", await stage.answer("/party/one"));
    },

    "1.13 an object with onMessage: listeners are dead": async (stage) => {
      const client = await stage.connect("/party/two");
      await client.next();
      client.send("hello");
      stage.saw("messages", await client.upTo("broadcast"));
      client.send("throw");
      client.send("again");
      stage.saw("after a throw", await client.upTo("broadcast"));
    },

    "1.13 onClose of an object": async (stage) => {
      const client = await stage.connect("/party/three");
      client.close(1000);
      const notes = await eventually("onClose ran", async () => {
        const all = await stage.json("/party/three?notes");
        return all.some((note) => note.includes("three")) && all;
      });
      stage.saw("notes", notes.filter((note) => note.includes("three")));
    },
  }),

  ...scenarios("quiet", {
    "1.13 an object without onConnect hibernates": async (stage) => {
      const client = await stage.connect("/party/one?_pk=me");
      const attachment = await stage.json("/party/one");
      stage.saw("what setState kept", attachment?.__user ?? attachment);
      stage.saw("readyState", client.socket.readyState);
    },
  }),

  ...scenarios("listeners", {
    "1.13 an object with listeners instead of onMessage": async (stage) => {
      const client = await stage.connect("/party/one");
      stage.saw("onConnect", await client.next());
      stage.saw("text", await client.ask("hello"));
      stage.saw("bytes", await client.ask(Buffer.from([1, 2, 3])));
      const other = await stage.connect("/party/one");
      await other.next();
      stage.saw("two are there", await other.ask("list"));
      client.close();
      const notes = await eventually("a listener heard the end", async () => {
        const all = await stage.json("/party/one");
        return all.length > 0 && all;
      });
      stage.saw("notes", notes);
      stage.saw("one is left", await other.ask("list"));
    },

    // Above the limit of either host.
    "1.13 onError of an object": async (stage) => {
      const client = await stage.connect("/party/two");
      await client.next();
      client.send("x".repeat(33 * 1024 * 1024));
      stage.saw("errors", await eventually("onError ran", async () => {
        const errors = await stage.json("/party/two?errors");
        return errors.length > 0 && errors;
      }));
    },
  }),
];
