// Section 1.1 of the reference: the forms of a module, and what is checked when it is loaded.

import { eventually } from "../harness/client.mjs";
import { scenarios } from "../harness/run.mjs";

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
  }),

  ...scenarios("class", {
    "1.1 the variables of a module": async (stage) => {
      stage.saw("one room", await stage.answer("/party/Shared~1"));
      stage.saw("another room", await stage.answer("/party/Shared~2"));
    },
  }),
];
