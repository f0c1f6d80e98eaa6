// Section 1.5 of the reference: the connection that handlers are given.

import { scenarios } from "../harness/run.mjs";

/** A room that says everything in its first message, one step for each of its keys. */
const told = (kind, query = "") => async (stage) => {
  const client = await stage.connect(`/party/${kind}~1${query}`);
  for (const [what, value] of Object.entries(JSON.parse(await client.next()))) {
    stage.saw(what, value);
  }
};

const closing = async (stage, path, ...how) => {
  const client = await stage.connect(path);
  return client.ask(JSON.stringify(how));
};

const duplicates = (mode, kind) => ({
  [`1.5 two connections with one id, ${mode}`]: async (stage) => {
    const path = `/party/${kind}~1`;
    const old = await stage.connect(`${path}?_pk=same&name=old`);
    const young = await stage.connect(`${path}?_pk=same&name=young`);
    stage.saw("the old one asks", await old.ask("tell"));
    stage.saw("the young one asks", await young.ask("tell"));
    old.close();
    await stage.noted(path, "onClose old");
    stage.saw("after the old one's end", await young.ask("tell"));
    stage.saw("a broadcast reaches it", await young.ask("broadcast"));
  },
});

const tags = (mode, kind) => ({
  [`1.5 tags and their limits, ${mode}`]: async (stage) => {
    for (const how of ["nine", "ten", "twenty", "number", "empty", "long"]) {
      stage.saw(how, await stage.dial(`/party/${kind}~1?how=${how}`).next());
    }
    const own = stage.dial(`/party/${kind}~2?how=own&tag=other`);
    stage.saw("beside its own id", await own.next());
    const later = stage.dial(`/party/${kind}~3?how=promise&tag=later`);
    stage.saw("as a promise", await later.next());
  },
});

const sending = (mode, prefix) => ({
  [`1.5 send converts, and sends the window of a view, ${mode}`]: async (stage) => {
    const client = await stage.connect(`/party/${prefix}Sends~1`);
    client.send("go");
    stage.saw("messages", await client.upTo("done"));
  },

  [`1.5 send of 3 MB, ${mode}`]: async (stage) => {
    const client = await stage.connect(`/party/${prefix}Sends~3`);
    stage.saw("length", (await client.ask("large")).length);
  },

  [`1.5 send of half a surrogate pair, ${mode}`]: async (stage) => {
    const client = await stage.connect(`/party/${prefix}Sends~2`);
    stage.saw("message", await client.ask("surrogate"));
  },

  [`1.5 close takes these codes and refuses those, ${mode}`]: async (stage) => {
    const client = await stage.connect(`/party/${prefix}Closes~1`);
    client.send("tries");
    stage.saw("refused", await client.take(8));
    for (const how of [[1000], [1001, "away"], [1012, ""], [3000, "three"], [4999, "end"], [null]]) {
      stage.saw(JSON.stringify(how), await closing(stage, `/party/${prefix}Closes~1`, ...how));
    }
  },

  [`1.5 after close: readyState, send, close, ${mode}`]: async (stage) => {
    stage.saw("the end", await closing(stage, `/party/${prefix}Closes~2`, 4000, "bye"));
    stage.saw("notes", await stage.notes(`/party/${prefix}Closes~2`));
  },
});

export default scenarios("class", {
  "1.5 the members of a connection, in memory": told("Members", "?_pk=me"),
  "1.5 the members of a connection, hibernating": told("HibernatingMembers", "/below?_pk=me&a=%20"),
  "1.5 state and setState, in memory": told("States"),
  "1.5 state and setState, hibernating": told("HibernatingStates"),
  "1.5 serializeAttachment, in memory": told("Attachments"),
  "1.5 serializeAttachment, hibernating": told("HibernatingAttachments"),

  "1.5 listeners on a connection, in memory": async (stage) => {
    const client = await stage.connect("/party/Listeners~1");
    client.send("hello");
    client.send("barrier");
    stage.saw("messages", (await client.upTo("done")).sort());
    client.close(4001, "over");
    await stage.noted("/party/Listeners~1", "onClose");
    stage.saw("notes", (await stage.noted("/party/Listeners~1", "listener")).sort());
  },

  "1.5 a listener as an attribute": async (stage) => {
    const client = await stage.connect("/party/Attributes~1");
    stage.saw("answer", await client.ask("hello"));
  },

  "1.5 listeners on a connection, hibernating": async (stage) => {
    const client = await stage.connect("/party/HibernatingListeners~1");
    client.send("hello");
    client.send("barrier");
    stage.saw("messages", await client.upTo("done"));
    client.close(4001, "over");
    stage.saw("notes", await stage.noted("/party/HibernatingListeners~1", "onClose"));
  },

  "1.5 connection ids": async (stage) => {
    for (const id of ["plain", "with%20space", "a%2Fb", "%C3%A9", "", "x".repeat(300)]) {
      const client = await stage.connect(`/party/Ids~2?_pk=${id}`);
      stage.saw(id.slice(0, 20), JSON.parse(await client.ask("id")));
    }
    const client = await stage.connect("/party/Ids~2");
    stage.saw("without _pk", JSON.parse(await client.ask("id")));
    const twice = await stage.connect("/party/Ids~2?_pk=first&_pk=second");
    stage.saw("twice", JSON.parse(await twice.ask("id")));
  },

  "1.5 an id of more than 256 characters, hibernating": async (stage) => {
    const client = stage.dial(`/party/HibernatingIds~2?_pk=${"x".repeat(257)}`);
    stage.saw("end", await client.end());
  },

  ...sending("in memory", ""),
  ...sending("hibernating", "Hibernating"),
  ...duplicates("in memory", "Ids"),
  ...duplicates("hibernating", "HibernatingIds"),
  ...tags("in memory", "Tags"),
  ...tags("hibernating", "HibernatingTags"),
});
