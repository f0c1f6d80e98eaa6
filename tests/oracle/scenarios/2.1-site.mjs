// Sections 2.1 and 4.2 of the reference: a single page app with pages of its own for what is
// missing, and a client that is built.

import { runInNewContext } from "node:vm";
import { scenarios } from "../harness/run.mjs";

const goes = { headers: { "sec-fetch-mode": "navigate" } };
const body = async (stage, path, options) => {
  const { status, body } = await stage.request(path, options);
  return { status, body: body.trim() };
};

export default scenarios("site", {
  "2.1 a single page app": async (stage) => {
    for (const path of ["/deep/link", "/deep/link.png", "/party/", "/parties/x", "/sub", "/nothing.html"]) {
      const { status, body: page } = await body(stage, path, goes);
      stage.saw(path, { status, home: page.includes("home") });
    }
    stage.saw("a file", await body(stage, "/style.css", goes));
    stage.saw("a room", await body(stage, "/party/r", goes));
  },

  "2.1 the project's own page for what is missing": async (stage) => {
    for (const path of ["/nothing", "/.hidden", "/sub/nothing.html"]) {
      stage.saw(path, await body(stage, path));
    }
    stage.saw("with POST", await body(stage, "/style.css", { method: "POST" }));
    stage.saw("itself", await body(stage, "/404.html"));
    const { headers } = await stage.request("/nothing");
    stage.saw("type", headers["content-type"]);
  },

  "4.2 serve.build": async (stage) => {
    const { status, headers, body: code } = await stage.request("/dist/main.js");
    stage.saw("main.js", { status, type: headers["content-type"] });
    const realm = {};
    runInNewContext(code, realm);
    stage.saw("what it says", realm.told);
    stage.saw("the other entry", (await stage.request("/dist/other.js")).status);
    stage.saw("no source map", (await body(stage, "/dist/main.js.map")).status);
  },
});
