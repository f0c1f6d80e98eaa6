// Section 2.1 of the reference: which address is what.

import { scenarios } from "../harness/run.mjs";

export default scenarios("class", {
  "2.1 both forms of an address are one room": async (stage) => {
    const id = async (path) => (await stage.json(path)).internalID;
    const one = await id("/party/About~3");
    for (const path of ["/parties/main/About~3", "/parties/main/About~3/any/path?x=1"]) {
      stage.saw(path, (await id(path)) === one);
    }
  },

  "2.1 what has no room is looked for among the files": async (stage) => {
    const paths = ["/party", "/party/", "/parties/main", "/parties/main/", "//party/r", "/nothing"];
    for (const path of paths) stage.saw(path, await stage.answer(path));
  },

  "2.1 an empty name of a party": async (stage) => {
    stage.saw("answer", await stage.answer("/parties//room"));
  },

  "2.1 parties that do not exist": async (stage) => {
    for (const path of ["/parties/nope/r", "/parties/Main/r"]) {
      stage.saw(path, await stage.answer(path));
    }
    stage.saw("a socket", await stage.dial("/parties/nope/r").outcome());
  },

  "2.1 parties named like members of Object.prototype": async (stage) => {
    stage.saw("constructor", await stage.answer("/parties/constructor/r"));
    stage.saw("toString", await stage.answer("/parties/toString/r"));
  },

  "2.1 names of rooms are not decoded": async (stage) => {
    for (const name of ["ro%20om%2Fx", "%C3%A9", "a+b", "%", "a%zz", "a;b", "x".repeat(200)]) {
      const { status, body } = await stage.answer(`/party/About~${name}`);
      stage.saw(name.slice(0, 20), status === 200 ? JSON.parse(body).id : { status, body });
    }
  },

  "2.1 rooms whose names are encoded differently": async (stage) => {
    const id = async (path) => (await stage.json(path)).internalID;
    const one = await id("/party/About~a%2Db");
    stage.saw("one room", one === (await id("/party/About~a-b")));
  },

  "2.1 files": async (stage) => {
    for (const path of ["/", "/index.html", "/a.js", "/a.js?x=1", "/sub/", "/sub", "/%61.js"]) {
      const { status, body } = await stage.answer(path);
      stage.saw(path, { status, body });
    }
    for (const path of ["/.hidden", "/A.js", "/sub/nothing.html"]) {
      stage.saw(path, await stage.answer(path));
    }
    const { headers } = await stage.request("/a.js");
    stage.saw("headers", {
      type: headers["content-type"],
      length: headers["content-length"],
      origin: headers["access-control-allow-origin"],
    });
  },

  "2.1 types of files": async (stage) => {
    const files = [
      "index.html", "a.js", "module.mjs", "style.css", "config.json", "words.txt", "dot.svg",
      "feed.xml", "page.md",
    ];
    for (const file of files) stage.saw(file, (await stage.answer(`/${file}`)).type);
  },

  "2.1 methods on files": async (stage) => {
    stage.saw("POST", await stage.answer("/a.js", { method: "POST" }));
    const head = await stage.request("/a.js", { method: "HEAD" });
    stage.saw("HEAD", [head.status, head.headers["content-length"] ?? null, head.body]);
  },

  "2.1 malformed escapes in the path of a file": async (stage) => {
    stage.saw("answer", await stage.answer("/%zz"));
  },

  "2.1 nothing is said about origins": async (stage) => {
    const { headers } = await stage.request("/party/Silent~2", { headers: { origin: "http://a.b" } });
    stage.saw("allow-origin", headers["access-control-allow-origin"] ?? null);
  },

  "2.1 subprotocols": async (stage) => {
    const client = stage.dial("/party/Silent~3", { protocols: ["one", "two"] });
    stage.saw("outcome", await client.outcome());
    stage.saw("protocol", client.socket.protocol);
  },

  "2.1 no compression is negotiated": async (stage) => {
    const { headers } = await stage.request("/party/Silent~4", {});
    stage.saw("of a request", headers["content-encoding"] ?? null);
    const client = await stage.connect("/party/Silent~4", {
      headers: { "sec-websocket-extensions": "permessage-deflate" },
    });
    stage.saw("of a connection", client.socket.extensions);
  },

  "2.1 the header Upgrade": async (stage) => {
    const handshake = {
      connection: "Upgrade", "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
      "sec-websocket-version": "13",
    };
    const status = async (upgrade, more = {}) =>
      (await stage.request("/party/Silent~5", { headers: { ...handshake, upgrade, ...more } })).status;
    stage.saw("websocket", await status("websocket"));
    stage.saw("WebSocket", await status("WebSocket"));
    stage.saw("h2c", await status("h2c"));
    const { "sec-websocket-version": _, ...without } = handshake;
    const { status: refused, body } = await stage.request("/party/Silent~5", {
      headers: { ...without, upgrade: "websocket" },
    });
    stage.saw("without a version", { status: refused, body });
  },

  "2.1 a key that is none": async (stage) => {
    const handshake = { connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13" };
    for (const key of ["short", "dGhlIHNhbXBsZSBub25jZSE=", "not base64, but 24 long."]) {
      const headers = { ...handshake, "sec-websocket-key": key };
      stage.saw(key, (await stage.request("/party/Silent~6", { headers })).status);
    }
  },

  "2.1 a client's own headers reach the room": async (stage) => {
    const headers = { "x-test": "mine", "content-type": "text/x-own" };
    const { test, type } = await stage.json("/party/Echo~2", { headers });
    stage.saw("headers", { test, type });
  },

  "2.1 a socket to an address without a room": async (stage) => {
    for (const path of ["/", "/party/", "/nothing"]) {
      stage.saw(path, (await stage.dial(path).outcome()).split(":")[0]);
    }
  },
});
