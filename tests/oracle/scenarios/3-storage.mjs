// Section 3 of the reference: storage.

import { eventually } from "../harness/client.mjs";
import { scenarios } from "../harness/run.mjs";

/** What a room's calls of one name did, a step each. */
const running = (path) => async (stage) => {
  for (const [step, value] of Object.entries(await stage.json(path))) stage.saw(step, value);
};

const storing = (run) => running(`/party/Storing~${run}?run=${run}`);
const transacting = (run) => running(`/party/Transacting~${run}?run=${run}`);

/** What an alarm's handler has noted once it has run so often. */
const alarming = (script, times) => async (stage) => {
  const path = `/party/Alarms~${script}`;
  await stage.json(`${path}?script=${script}`);
  const notes = await eventually(`the handler of ${script} has run ${times} times`, async () => {
    const notes = await stage.json(`${path}?stored`);
    return notes.length >= times && notes;
  });
  stage.saw("runs", notes);
  const { alarm } = await eventually("no alarm is left", async () => {
    const answer = await stage.json(`${path}?alarm`);
    return answer.alarm === null && answer;
  });
  stage.saw("the alarm then", alarm);
};

export default [
  ...scenarios("class", {
    "3.1 get": storing("get"),
    "3.1 put": storing("put"),
    "3.1 how large values may be": storing("sizes"),
    "3.1 which values may be stored": storing("values"),
    "3.1 delete": storing("delete"),
    "3.1 whatever stands where options should stand": storing("options"),
    "3.1 the members of the storage": storing("members"),
    "3.2 list and its options": running("/party/Listing~1"),

    "3.3 when the function of a transaction runs": transacting("order"),
    "3.3 what is written beside a transaction": transacting("beside"),
    "3.3 what a transaction takes and gives": transacting("values"),
    "3.3 a transaction that throws": transacting("throws"),
    "3.3 a transaction that is rolled back": transacting("rollback"),
    "3.3 a transaction that was left behind": transacting("leftBehind"),
    "3.3 calls within a transaction": transacting("calls"),
    "3.3 transactions inside of transactions": transacting("nested"),
    "3.3 two transactions at a time": transacting("one"),
    "3.3 a large transaction": transacting("large"),
    "3.3 an alarm in a transaction": transacting("alarm"),
    "3.3 deleteAll": transacting("deleteAll"),
    "3.3 sync": transacting("sync"),

    "3.3 nothing enters while a transaction waits": async (stage) => {
      const client = await stage.connect("/party/Transacting~waits");
      client.send("long");
      client.send("what is stored");
      stage.saw("messages", await client.take(3));
    },

    "3.4 moments that an alarm can be set for": running("/party/Alarms~moments?moments"),
    "3.4 an alarm fires": alarming("once", 1),
    "3.4 an alarm that sets another one": alarming("again-past-last", 3),
    "3.4 a handler that fails is tried again": alarming("fails-last", 2),
    "3.4 a handler that fails and has set another alarm": alarming("failsAndSets-last", 2),
    "3.4 a handler that fails and has deleted its alarm": alarming("failsAndDeletes-last", 2),
    "3.4 the id of the room in onAlarm": alarming("identity", 2),

    "3.4 an alarm of a room without a handler": async (stage) => {
      const path = "/party/Unheard~1";
      await stage.request(path);
      const { alarm } = await eventually("the alarm is over", async () => {
        const answer = await stage.json(`${path}?alarm`);
        return answer.alarm === null && answer;
      });
      stage.saw("the alarm", alarm);
    },
  }),

  ...scenarios("object", {
    "3.4 an alarm of an object": async (stage) => {
      await stage.request("/party/alarmed?alarm");
      const notes = await eventually("onAlarm ran", async () => {
        const all = await stage.json("/party/alarmed?notes");
        return all.filter((note) => note.includes("onAlarm")).length > 0 && all;
      });
      stage.saw("onAlarm", notes.filter((note) => note.includes("onAlarm")));
    },
  }),
];
