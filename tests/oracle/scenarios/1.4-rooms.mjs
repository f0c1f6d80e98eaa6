// Section 1.4 of the reference: the room that handlers are given.

import { scenarios } from "../harness/run.mjs";

const broadcasts = (mode, kind) => ({
  [`1.4 broadcast, ${mode}`]: async (stage) => {
    const path = `/party/${kind}~1`;
    const [a, b] = [await stage.connect(`${path}?_pk=a`), await stage.connect(`${path}?_pk=b`)];
    for (const what of ["all", "others", "none", "bytes", "number"]) {
      a.send(what);
      stage.saw(`${what}: the sender`, await a.upTo("done"));
    }
    b.send("nothing");
    stage.saw("the other", await b.upTo("done"));
  },

  [`1.4 broadcast beside a connection that is closing, ${mode}`]: async (stage) => {
    const path = `/party/${kind}~2`;
    const a = await stage.connect(`${path}?_pk=a`);
    const b = await stage.connect(`${path}?_pk=b`);
    const c = await stage.connect(`${path}?_pk=c`);
    b.send("close a and tell");
    stage.saw("the sender", await b.upTo("done"));
    c.send("nothing");
    stage.saw("the third", await c.upTo("done"));
    stage.saw("the closed one", await a.next(3_000).catch(() => "nothing within 3 s"));
  },
});

const lists = (mode, kind) => ({
  [`1.4 getConnections, getConnection and tags, ${mode}`]: async (stage) => {
    const path = `/party/${kind}~1`;
    await stage.connect(`${path}?_pk=red-1`);
    await stage.connect(`${path}?_pk=blue-2`);
    const client = await stage.connect(`${path}?_pk=red-3`);
    for (const [what, value] of Object.entries(JSON.parse(await client.ask("lists")))) {
      stage.saw(what, value);
    }
  },
});

export default scenarios("class", {
  "1.4 the members of a room": async (stage) => {
    const about = await stage.json("/party/About~1");
    for (const [what, value] of Object.entries(about)) stage.saw(what, value);
  },

  "1.4 the members of room.context": async (stage) => {
    const about = await stage.json("/party/Contexts~1");
    for (const [what, value] of Object.entries(about)) stage.saw(what, value);
  },

  "1.4 what a room is warned of": async (stage) => {
    const path = "/party/Warned~1";
    const first = /analytics\.writeDataPoint is not implemented/;
    await stage.answer(path);
    const said = async (what) => {
      const last = `</Warned~1 ${what}>`;
      await stage.server.prints(new RegExp(last));
      const [, text] = stage.server.output.split(`<Warned~1 ${what}>`);
      // Where it comes from stands before each line, in a way of each host.
      const lines = text.split(last)[0].split("\n").slice(1, -1);
      const plain = (line) => line.replace(/\x1b\[[\d;]*m/g, "").trim();
      // What other rooms say, and what comes by another stream, may stand at any place among these.
      const ofOthers = /^(\w+ main\/(?!Warned~1:)|[A-Z]+ \/)/;
      const own = lines.map(plain).filter((line) => !ofOthers.test(line) && !first.test(line));
      return own.map((line) => line.replace(/^(✘ \[ERROR\]|warn \S+:) /, "")).filter(Boolean);
    };
    for (const what of ["getConnection", "getConnections", "connections"]) {
      for (const when of ["", "later: "]) stage.saw(when + what, await said(when + what));
    }
    stage.saw("later: connections again", await said("later: connections again"));
    stage.saw("later: parties", await said("later: parties"));
    stage.saw("analytics, the first time", await stage.server.prints(first));
    await said("analytics, the second time");
    // Other rooms say it, too; where a line names no room there is one for all of them.
    const ours = (line) => first.test(line) && line.includes("Warned~1");
    const times = stage.server.output.split("\n").filter(ours);
    stage.saw("analytics, the second time", times.slice(1));
  },

  "1.4 room.id is the undecoded segment": async (stage) => {
    stage.saw("id", (await stage.json("/party/About~ro%20om%2Fx?y=1")).id);
    stage.saw("in the constructor", (await stage.json("/party/About~%C3%A9")).inConstructor.id);
  },

  "1.4 internalID is stable and of this room": async (stage) => {
    const id = async (path) => (await stage.json(path)).internalID;
    const [one, again] = [await id("/party/About~1"), await id("/parties/main/About~1/below")];
    stage.saw("twice", one === again);
    stage.saw("another room's", one === (await id("/party/About~2")));
  },

  ...broadcasts("in memory", "Broadcasts"),
  ...broadcasts("hibernating", "HibernatingBroadcasts"),
  ...lists("in memory", "Lists"),
  ...lists("hibernating", "HibernatingLists"),

  "1.4 blockConcurrencyWhile holds other events and returns the value": async (stage) => {
    const path = "/party/Blocks~1";
    const client = await stage.connect(path);
    stage.saw("notes", await stage.notes(path));
    client.send("block");
    stage.saw("blocking", await client.next());
    client.send("meanwhile");
    stage.saw("first of all", await client.next());
    stage.saw("then, in any order", (await client.take(2)).sort());
  },

  "1.4 a throw in blockConcurrencyWhile resets the room": async (stage) => {
    const path = "/party/BrokenBlock~1";
    const client = await stage.connect(path);
    stage.saw("before", await client.ask("count"));
    stage.saw("the end", await client.ask("break"));
    const again = await stage.connect(path);
    stage.saw("after", await again.ask("count"));
  },
});
