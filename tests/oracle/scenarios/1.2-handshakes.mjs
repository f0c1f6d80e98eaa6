// Section 1.2 of the reference: what happens in which order until a connection is open.

import { scenarios } from "../harness/run.mjs";

export default scenarios("class", {
  "1.2 constructor, onStart, getConnectionTags, onConnect come in this order": async (stage) => {
    const path = "/parties/main/Order~1";
    const client = await stage.connect(`${path}/below?_pk=me&x=1`, { headers: { "x-test": "y" } });
    stage.saw("answer", await client.ask("hello"));
    client.close();
    stage.saw("notes", await stage.noted(path, "onClose"));
  },

  "1.2 a request starts a room in the same order": async (stage) => {
    stage.saw("answer", await stage.answer("/party/Order~2"));
    stage.saw("notes", await stage.notes("/party/Order~2"));
  },

  "1.2 onConnect gates the handshake": async (stage) => {
    const path = "/party/Gated~1";
    const client = stage.dial(path);
    await stage.noted(path, "onConnect begins");
    stage.saw("readyState while onConnect runs", client.socket.readyState);
    stage.saw("opening", await stage.answer(`${path}?open=door`));
    stage.saw("outcome", await client.outcome());
    stage.saw("messages", await client.take(3));
  },

  "1.2 a throw in onConnect closes with 1011 and the message": async (stage) => {
    for (const how of ["error", "async", "string", "empty"]) {
      const client = stage.dial(`/party/ConnectThrows~1?how=${how}`);
      stage.saw(`${how}: outcome`, await client.outcome());
      stage.saw(`${how}: end`, await client.end());
    }
  },

  "1.2 a throw in onConnect and the list of connections": async (stage) => {
    await stage.dial("/party/ConnectThrows~2?how=error&_pk=dead").end();
    const client = await stage.connect("/party/ConnectThrows~2?how=count&_pk=alive");
    stage.saw("connections", await client.next());
  },

  "1.2 a reason above 123 bytes": async (stage) => {
    const client = stage.dial("/party/ConnectThrows~3?how=long");
    stage.saw("end", await client.end());
  },

  "1.2 a throw in getConnectionTags closes with 1011": async (stage) => {
    const client = stage.dial("/party/TagsThrow~1");
    stage.saw("outcome", await client.outcome());
    stage.saw("end", await client.end());
    stage.saw("notes", await stage.notes("/party/TagsThrow~1"));
  },

  "1.2 a connection in getConnectionTags: its state is kept": async (stage) => {
    const client = await stage.connect("/party/TagsState~1");
    for (const [what, value] of Object.entries(JSON.parse(await client.next()))) {
      stage.saw(what, value);
    }
  },

  "1.2 a throw in the constructor is an HTTP error for sockets too": async (stage) => {
    stage.saw("request", await stage.answer("/party/ConstructorThrows~1"));
    stage.saw("socket", await stage.dial("/party/ConstructorThrows~2").outcome());
    stage.saw("its code is the status", await stage.answer("/party/ConstructorThrows~418"));
  },

  "1.2 onStart with a timer and those who come meanwhile": async (stage) => {
    const path = "/party/SlowStart~1";
    const first = stage.answer(path);
    const rest = [stage.answer(path), stage.answer(path)];
    const sockets = [stage.dial(path), stage.dial(path)];
    stage.saw("the first request", await first);
    const answers = (await Promise.all(rest)).map(({ body }) => body);
    answers.push(...(await Promise.all(sockets.map((socket) => socket.next()))));
    stage.saw("the others", [...new Set(answers)]);
    stage.saw("notes", await stage.notes(path));
  },

  "1.2 onStart that awaits only storage lets nobody pass": async (stage) => {
    const answers = await Promise.all(
      Array.from({ length: 4 }, () => stage.answer("/party/StorageStart~1")),
    );
    stage.saw("answers", answers.map(({ body }) => body));
  },

  "1.2 onStart that throws": async (stage) => {
    stage.saw("the first request", await stage.answer("/party/FailingStart~1"));
    stage.saw("the second request", await stage.answer("/party/FailingStart~1"));
    stage.saw("a socket at first", await stage.dial("/party/FailingStart~2").outcome());
  },

  "1.2 a room without onConnect and onMessage accepts sockets silently": async (stage) => {
    const client = await stage.connect("/party/Silent~1");
    client.send("anybody there");
    stage.saw("it still answers", await stage.answer("/party/Silent~1"));
    stage.saw("readyState", client.socket.readyState);
  },
});
