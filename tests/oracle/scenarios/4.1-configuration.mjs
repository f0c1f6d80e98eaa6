// Sections 4.1 to 4.3 of the reference: variables, constants and what is bundled.

import { scenarios } from "../harness/run.mjs";

const asked = (stage, what) => stage.answer(`/party/r?${encodeURIComponent(what)}`);

export default scenarios("configured", {
  "4.1 which source of a variable wins": async (stage) => {
    stage.saw("room.env", await asked(stage, "env"));
  },

  "4.1 process.env": async (stage) => {
    stage.saw("of .env and .env.local", await asked(stage, "process.env"));
    stage.saw("of everything else", await asked(stage, "process.env of the rest"));
  },

  "4.1 which source of a constant wins": async (stage) => {
    stage.saw("constants", await asked(stage, "constants"));
  },

  "2.2 PARTYKIT_HOST": async (stage) => {
    stage.saw("in a room", await asked(stage, "host"));
  },

  "4.3 TypeScript, JSX, JSON, paths, an alias, a late import": async (stage) => {
    stage.saw("bundled", await asked(stage, "bundled"));
  },

  "4.3 a .bin file is an ArrayBuffer": async (stage) => {
    stage.saw("bytes", await asked(stage, "bytes"));
  },
});
