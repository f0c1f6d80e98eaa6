// Section 1.4 of the reference: what blockConcurrencyWhile holds back; and 1.11, with timers.

import { scenarios } from "../harness/run.mjs";

export default scenarios("class", {
  "1.4 blockConcurrencyWhile holds requests, other clients and newcomers": async (stage) => {
    const path = "/party/Sections~1";
    const blocking = await stage.connect(`${path}?_pk=a`);
    const other = await stage.connect(`${path}?_pk=b`);
    blocking.send("block");
    await blocking.next();
    const request = stage.answer(path);
    other.send("meanwhile");
    const newcomer = stage.dial(`${path}?_pk=c`);
    await Promise.all([request, newcomer.outcome()]);
    const notes = await stage.noted(path, "onMessage meanwhile");
    const held = notes.slice(notes.indexOf("blocks"));
    stage.saw("while it blocks", held.slice(0, 2));
    stage.saw("after it, in any order", held.slice(2).sort());
  },

  "1.4 blockConcurrencyWhile of one client delivers an end after it": async (stage) => {
    const path = "/party/Sections~2";
    const blocking = await stage.connect(`${path}?_pk=a`);
    const other = await stage.connect(`${path}?_pk=b`);
    blocking.send("block");
    await blocking.next();
    other.close(1000);
    const notes = await stage.noted(path, "onClose b");
    stage.saw("notes", notes.slice(notes.indexOf("blocks")));
  },

  "1.4 blockConcurrencyWhile with other callbacks": async (stage) => {
    for (const what of ["a value", "nested", "two", "no callback", "no function"]) {
      const client = await stage.connect("/party/OddSections~1");
      stage.saw(what, await client.ask(what));
    }
  },

  "1.4 a callback of blockConcurrencyWhile that throws at once": async (stage) => {
    const client = await stage.connect("/party/OddSections~2");
    stage.saw("answer", await client.ask("throw"));
  },

  "1.11 a timer set before blockConcurrencyWhile fires after it": async (stage) => {
    const path = "/party/TimerBefore~1";
    const client = await stage.connect(path);
    client.send("go");
    stage.saw("messages", await Promise.all([client.next(3_000), client.next(3_000)]).then(
      (messages) => messages.sort(),
      () => "none within 3 s",
    ));
    const notes = await Promise.race([
      stage.notes(path), new Promise((done) => setTimeout(done, 3_000, "no answer within 3 s")),
    ]);
    stage.saw("notes", notes);
  },
});
