// Section 2.1 of the reference: which address is what.

import { handshake } from "../harness/raw.mjs";
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

  "2.1 node_modules in the folder of files": async (stage) => {
    for (const path of ["/node_modules/hidden.js", "/sub/node_modules/hidden.js"]) {
      stage.saw(path, await stage.answer(path));
    }
  },

  "2.1 what a file says of caches": async (stage) => {
    const caches = async (headers) => {
      const { status, headers: said } = await stage.request("/a.js", { headers });
      const names = ["etag", "last-modified", "cache-control", "accept-ranges", "vary"];
      return { status, said: Object.fromEntries(names.map((name) => [name, name in said])) };
    };
    stage.saw("a file", await caches({}));
    const { headers } = await stage.request("/a.js");
    stage.saw("cache-control", headers["cache-control"] ?? null);
    stage.saw("asked for again", (await caches({ "if-none-match": headers.etag ?? '"x"' })).status);
    stage.saw("a part", (await caches({ range: "bytes=0-3" })).status);
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
    const headers = { "accept-encoding": "gzip, deflate, br" };
    const encoding = async (path) =>
      (await stage.request(path, { headers })).headers["content-encoding"] ?? null;
    stage.saw("of a room's answer", await encoding("/party/Echo~4"));
    stage.saw("of a file", await encoding("/a.js"));
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

  "2.1 headers of a request as the room sees them": async (stage) => {
    const seen = async (headers) => {
      const { "x-real-ip": ip, "cf-connecting-ip": address, ...others } =
        (await stage.json("/party/Heads~1", { headers })).headers;
      return { others, addresses: [ip ?? null, address ?? null] };
    };
    const none = await seen({});
    stage.saw("none of its own", none.others);
    stage.saw("its address", none.addresses);
    const own = await seen({
      "accept-encoding": "identity", "user-agent": "test", "x-forwarded-for": "192.0.2.1",
      "cf-connecting-ip": "192.0.2.2", "x-real-ip": "192.0.2.3", cookie: "a=1", "x-odd": "caf\u00e9",
    });
    const { "accept-encoding": encoding, "x-forwarded-for": hops, "x-odd": odd, ...rest } = own.others;
    stage.saw("its own", rest);
    stage.saw("accept-encoding", encoding);
    stage.saw("x-forwarded-for", hops);
    stage.saw("letters beyond ASCII", odd);
    stage.saw("addresses that it claims", own.addresses);
    stage.saw("another host", (await seen({ host: "example.com" })).others.host);
  },

  "2.1 request.cf": async (stage) => {
    stage.saw("cf", (await stage.json("/party/Heads~2")).cf);
  },

  "2.1 handshakes that are written in another way": async (stage) => {
    const ways = {
      "two Connection lines": { headers: { Connection: ["keep-alive", "Upgrade"] } },
      "two tokens in one line": { headers: { Connection: "keep-alive, Upgrade" } },
      "Connection in another case": { headers: { Connection: "upgrade" } },
      "no Connection": { headers: { Connection: null } },
      "Connection without Upgrade": { headers: { Connection: "keep-alive" } },
      "two tokens in Upgrade": { headers: { Upgrade: "h2c, websocket" } },
      "version 8": { headers: { "Sec-WebSocket-Version": "8" } },
      "versions 8 and 13": { headers: { "Sec-WebSocket-Version": "8, 13" } },
      "no key": { headers: { "Sec-WebSocket-Key": null } },
      "HTTP/1.0": { version: "HTTP/1.0" },
      "no Host": { headers: { Host: null } },
    };
    for (const [what, way] of Object.entries(ways)) {
      const client = stage.raw(handshake("/party/Silent~7", way));
      const { status, headers } = await client.head();
      stage.saw(what, { status, version: headers?.["sec-websocket-version"] ?? null });
      client.cut();
    }
  },

  "2.1 requests without a Host": async (stage) => {
    for (const version of ["HTTP/1.1", "HTTP/1.0"]) {
      const client = stage.raw(`GET /party/Silent~8 ${version}\r\n\r\n`);
      stage.saw(version, (await client.head()).status ?? "closed");
      client.cut();
    }
  },
});
