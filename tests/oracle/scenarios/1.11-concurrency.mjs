// Section 1.11 of the reference: what runs at the same time in a room and what does not.

import { eventually } from "../harness/client.mjs";
import { scenarios } from "../harness/run.mjs";

const interleaving = (kind) => async (stage) => {
  const client = await stage.connect(`/party/${kind}~1`);
  for (const message of ["slow", "fast", "slow", "fast"]) client.send(message);
  stage.saw("messages", await client.take(6));
};

const counting = (kind) => async (stage) => {
  const clients = [];
  for (let index = 0; index < 4; index++) clients.push(await stage.connect(`/party/${kind}~1`));
  const counts = await Promise.all(clients.map((client) => client.ask("count")));
  stage.saw("four clients", counts.sort());
  for (let index = 0; index < 4; index++) clients[0].send("count");
  stage.saw("one client", await clients[0].take(4));
};

export default [
  ...scenarios("class", {
    "1.11 messages interleave at awaits, in memory": interleaving("Interleaves"),
    "1.11 messages interleave at awaits, hibernating": interleaving("HibernatingInterleaves"),

    "1.11 messages of one connection stay in order": async (stage) => {
      const client = await stage.connect("/party/Messages~2");
      const sent = Array.from({ length: 300 }, (_, index) => `${index}`);
      for (const message of sent) client.send(message);
      const heard = await client.take(sent.length);
      stage.saw("in order", heard.every((text, index) => text === `text ${index}`));
    },

    "1.11 requests interleave at awaits": async (stage) => {
      const path = "/party/Requests~1";
      const answers = [1, 2, 3].map(() => stage.answer(path));
      for (const gate of ["3", "2", "1"]) {
        await eventually(`gate ${gate} is there`, async () =>
          (await stage.answer(`${path}?open=${gate}`)).status === 200);
      }
      stage.saw("running when each ended", (await Promise.all(answers)).map(({ body }) => body));
    },

    "1.11 get and put of requests are not raced": async (stage) => {
      const path = "/party/Counters~2";
      const answers = await Promise.all([1, 2, 3, 4].map(() => stage.answer(path)));
      stage.saw("counts", answers.map(({ body }) => body).sort());
    },

    "1.11 a timer between get and put lets others in": async (stage) => {
      const path = "/party/Counters~3?timer";
      const answers = await Promise.all([1, 2, 3].map(() => stage.answer(path)));
      stage.saw("counts", answers.map(({ body }) => body));
    },

    "1.11 get and put of messages are not raced, in memory": counting("Counters"),
    "1.11 get and put of messages are not raced, hibernating": counting("HibernatingCounters"),

    "1.11 allowConcurrency is accepted": async (stage) => {
      stage.saw("count", await stage.answer("/party/Counters~4?loose"));
    },

    "1.11 a put that is not awaited is kept": async (stage) => {
      stage.saw("writing", await stage.answer("/party/Unawaited~1?write"));
      stage.saw("reading", await stage.answer("/party/Unawaited~1"));
    },

    "1.11 allowUnconfirmed is accepted": async (stage) => {
      stage.saw("value", await stage.answer("/party/Unawaited~2?unconfirmed"));
    },

    "1.11 timers run while the room lives": async (stage) => {
      const client = await stage.connect("/party/Timers~1");
      client.send("go");
      stage.saw("messages", await client.upTo("done"));
    },
  }),

  ...scenarios("top-level", {
    "1.11 work that is forbidden while the code is loaded": async (stage) => {
      for (const [what, value] of Object.entries(await stage.json("/party/any"))) {
        stage.saw(what, value);
      }
    },
  }),
];
