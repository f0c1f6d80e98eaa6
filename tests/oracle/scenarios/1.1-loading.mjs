// Section 1.1 of the reference: the forms of a module, and what is checked when it is loaded.

import { eventually } from "../harness/client.mjs";
import { scenarios } from "../harness/run.mjs";

/** PartyKit takes its time until it looks at the code, on a busy machine above all. */
const REFUSED_MS_MAX = 60_000;

export default [
  ...scenarios("bare", {
    "1.1 static handlers on the prototype are warned of": async (stage) => {
      // A room may be what makes a host load the code.
      await stage.answer("/party/any");
      const text = "is present on the class instance, but it should be defined as a static method";
      const names = ["onFetch", "onBeforeConnect", "onBeforeRequest"];
      const says = (name) => stage.server.output.includes(`.${name} ${text}`);
      await eventually("all are warned of", () => names.every(says), 5_000).catch(() => {});
      for (const name of names) stage.saw(name, says(name));
    },
  }),

  ...scenarios("no-function", {
    "1.1 a handler that is no function is refused": async (stage) => {
      stage.saw("says so", await stage.server.prints(/\.onConnect should be a function/, 15_000));
    },
  }, { attempt: true }),

  ...scenarios("top-level", {
    "1.1 partykit/server is an empty module": async (stage) => {
      stage.saw("empty", await stage.json("/party/any?server"));
    },

    "1.1 await at top level that settles": async (stage) => {
      stage.saw("order", await stage.json("/party/any?await"));
    },

    "1.1 Math.random at top level": async (stage) => {
      stage.saw("two draws", await stage.json("/party/any?random"));
      const one = await stage.json("/party/drawing-1?draws");
      const other = await stage.json("/party/drawing-2?draws");
      stage.saw("two rooms drew the same", `${one}` === `${other}`);
    },

    "1.1 the clock at top level": async (stage) => {
      for (const [what, kind] of Object.entries(await stage.json("/party/any?time"))) {
        stage.saw(what, kind);
      }
    },
  }),

  ...scenarios("await-never", {
    "1.1 await at top level that never settles": async (stage) => {
      // Each in its own words.
      const words = /Async module was not immediately resolved|awaits something at its top level/;
      stage.saw("says so", await stage.server.prints(words, REFUSED_MS_MAX));
    },
  }, { attempt: true }),

  ...scenarios("await-rejected", {
    "1.1 await at top level that is rejected": async (stage) => {
      stage.saw("says so", await stage.server.prints(/rejected at top level/, REFUSED_MS_MAX));
    },
  }, { attempt: true }),

  ...scenarios("class", {
    "1.1 the variables of a module": async (stage) => {
      stage.saw("one room", await stage.answer("/party/Shared~1"));
      stage.saw("another room", await stage.answer("/party/Shared~2"));
    },
  }),
];
