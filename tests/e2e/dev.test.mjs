// A day with `partykit dev`, in a browser: save and see, a mistake and its repair, a crash, a React
// page that is built and talks to its room, and the end.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after } from "node:test";
import { launch } from "./browser.mjs";
import { Client, eventually, within } from "./client.mjs";
import { ROOT, alone, project } from "./host.mjs";

const PICTURES = join(ROOT, "tests/.cache");
mkdirSync(PICTURES, { recursive: true });

// A promise, so that two who come at once share one.
let browser;
after(async () => (await browser)?.close());

/** A page of the host, with what went wrong on it. */
async function visit(host, path = "/") {
  browser ??= launch();
  const context = await (await browser).newContext({ viewport: { width: 760, height: 520 } });
  const page = await context.newPage();
  page.problems = [];
  page.on("pageerror", (error) => page.problems.push(String(error)));
  await page.goto(`http://${host.address}${path}`);
  return page;
}

const SERVER = `export default class Server {
  constructor(room) { this.room = room; this.count = 0; }
  async onStart() { this.count = (await this.room.storage.get("count")) ?? 0; }
  say() { return JSON.stringify({ word: "first", count: this.count }); }
  onConnect(connection) { connection.send(this.say()); }
  async onMessage(message) {
    if (message === "crash") throw new Error("on purpose");
    this.count++;
    await this.room.storage.put("count", this.count);
    this.room.broadcast(this.say());
  }
}
`;

const CLIENT = `import { PartySocket } from "partysocket";
import { useEffect, useState } from "react";
import { createRoot } from "react-dom/client";

function App() {
  const [state, setState] = useState<{ word: string, count: number }>();
  const [socket, setSocket] = useState<PartySocket>();
  useEffect(() => {
    const socket = new PartySocket({ host: PARTYKIT_HOST, room: "page" });
    socket.addEventListener("message", ({ data }) => setState(JSON.parse(data)));
    setSocket(socket);
    return () => socket.close();
  }, []);
  if (!state) return <p>connecting</p>;
  return <main>
    <h1>{state.word}</h1>
    <button onClick={() => socket?.send("up")}>{state.count} times</button>
  </main>;
}

createRoot(document.querySelector("#app")!).render(<App />);
`;

const FILES = {
  "partykit.json": {
    name: "day",
    main: "server.js",
    serve: { path: "public", build: "client/main.tsx" },
  },
  "server.js": SERVER,
  "client/main.tsx": CLIENT,
  "tsconfig.json": { compilerOptions: { jsx: "react-jsx" } },
  "public/index.html": `<!doctype html><html><head><title>Day</title>
    <link rel="stylesheet" href="/style.css"></head>
    <body><div id="app"></div><script type="module" src="/dist/main.js"></script></body></html>`,
  "public/style.css": "h1 { color: rgb(0, 0, 1); }",
};

alone("a React page that is built talks to its room, and sees what is saved", async ({ start }) => {
  const folder = project(FILES);
  const host = await start(folder);
  const [one, two] = await Promise.all([visit(host), visit(host)]);
  await one.getByText("first").waitFor();
  await two.getByText("0 times").waitFor();
  await one.getByRole("button").click();
  await two.getByText("1 times").waitFor();

  // New code of the room: the socket comes back by itself, and what was stored is there.
  await one.evaluate(() => (window.stayed = true));
  writeFileSync(join(folder, "server.js"), SERVER.replace("first", "second"));
  await one.getByText("second").waitFor();
  await one.getByText("1 times").waitFor();
  assert.equal(await one.evaluate(() => window.stayed), true, "the page was loaded again");

  // New styles: put in place without loading the page.
  writeFileSync(join(folder, "public/style.css"), "h1 { color: rgb(0, 0, 2); }");
  await one.waitForFunction(
    () => getComputedStyle(document.querySelector("h1")).color === "rgb(0, 0, 2)");
  assert.equal(await one.evaluate(() => window.stayed), true, "the page was loaded again");

  // New code of the page: it is loaded again.
  writeFileSync(join(folder, "client/main.tsx"), CLIENT.replaceAll(" times", " presses"));
  await one.getByText("1 presses").waitFor();
  await two.getByText("1 presses").waitFor();
  assert.deepEqual([...one.problems, ...two.problems], []);
  await Promise.all([one.close(), two.close()]);
});

alone("a mistake covers the page until it is mended, and the last good code goes on", async ({ start }) => {
  const folder = project(FILES);
  const host = await start(folder);
  const page = await visit(host);
  await page.getByText("first").waitFor();
  writeFileSync(join(folder, "server.js"), SERVER.replace("this.count++;", "this.count++ ++;"));
  const overlay = page.locator("partykit-problem");
  await overlay.getByText("the code could not be bundled").waitFor();
  await overlay.getByText("server.js:8:").waitFor();
  await overlay.getByText("this.count++ ++;").waitFor();
  await page.screenshot({ path: join(PICTURES, "dev-overlay.png") });
  await host.printed(/server\.js:8:/, 5000);

  // A page that comes now is covered as well, and the room goes on under it.
  const late = await visit(host);
  await late.locator("partykit-problem").waitFor();
  const client = await Client.open(host.ws("/party/page"));
  assert.deepEqual(await client.nextJson(), { word: "first", count: 0 });
  await client.close();

  writeFileSync(join(folder, "server.js"), SERVER.replace("first", "mended"));
  await overlay.waitFor({ state: "detached" });
  await late.locator("partykit-problem").waitFor({ state: "detached" });
  await page.getByText("mended").waitFor();
  await host.printed(/Mended/, 5000);

  // Code that throws while it is loaded, and a client that cannot be built, are mistakes as well.
  writeFileSync(join(folder, "server.js"), `${SERVER}\nnone.x;\n`);
  await overlay.getByText("none is not defined").waitFor();
  writeFileSync(join(folder, "server.js"), SERVER);
  await overlay.waitFor({ state: "detached" });
  writeFileSync(join(folder, "client/main.tsx"), CLIENT.replace("<main>", "<main"));
  await overlay.getByText("client/main.tsx:").first().waitFor();
  await page.keyboard.press("Escape");
  await overlay.waitFor({ state: "detached" });
  await page.getByText("first").waitFor();
  assert.deepEqual(page.problems, []);
  await Promise.all([page.close(), late.close()]);
});

alone("a mistake at the start covers the page, and its repair brings page and room", async ({ run }) => {
  const folder = project({ ...FILES, "server.js": SERVER.replace("this.count++;", "this.count++ ++;") });
  const host = run(["dev", "--port", "0", "--persist", "false"], { cwd: folder });
  const [, port] = await host.printed(/Waiting on http:\/\/localhost:(\d+)/);
  host.address = `localhost:${port}`;
  assert.doesNotMatch(host.output, /Ready/);
  const page = await visit(host);
  const room = await visit(host, "/party/page");
  for (const overlay of [page, room].map((page) => page.locator("partykit-problem"))) {
    await overlay.getByText("server.js:8:").waitFor();
    await overlay.getByText("Rooms are not served before it is mended.").waitFor();
  }
  // Who comes for a room is told to come back.
  const answer = await fetch(`http://${host.address}/party/page`);
  assert.deepEqual([answer.status, answer.headers.get("retry-after")], [503, "1"]);
  const client = await Client.open(`ws://${host.address}/party/page`);
  assert.equal((await client.end()).code, 1013);

  writeFileSync(join(folder, "server.js"), `${SERVER.replace("first", "mended")}
    Server.prototype.onRequest = () => new Response("<p>written</p>", { headers: { "content-type": "text/html" } });`);
  await host.printed(/Mended\nReady on http/, 5000);
  await page.getByText("mended").waitFor();
  await room.getByText("written").waitFor();
  assert.deepEqual([...page.problems, ...room.problems], []);
  await Promise.all([page.close(), room.close()]);
  assert.equal(await host.stop(), 0);
});

alone("a page that a room writes is covered by a mistake and loaded again with new code", async ({ start }) => {
  const SERVER = `const page = (word, kind) => new Response("<!doctype html><p>" + word + "</p>", { headers: { "content-type": kind } });
  export default class { onRequest(request) { return page("first", new URL(request.url).searchParams.get("kind") ?? "text/html"); } }`;
  const folder = project({ "server.js": SERVER });
  const host = await start(folder);
  const page = await visit(host, "/party/r");
  await page.getByText("first").waitFor();
  // Code gets what the room wrote, and so does who looks at what is no page.
  const bare = await (await fetch(`http://${host.address}/party/r`)).text();
  assert.equal(bare, "<!doctype html><p>first</p>");
  const text = await visit(host, "/party/r?kind=text/plain");
  assert.equal(await text.locator("pre").textContent(), bare);
  writeFileSync(join(folder, "server.js"), "(");
  const overlay = page.locator("partykit-problem");
  await overlay.getByText("server.js:1:").waitFor();
  writeFileSync(join(folder, "server.js"), SERVER.replace("first", "second"));
  await page.getByText("second").waitFor();
  await overlay.waitFor({ state: "detached" });
  assert.deepEqual(page.problems, []);
  await Promise.all([page.close(), text.close()]);
});

alone("a crash of user code is told once, with its line in the source", async ({ start }) => {
  const folder = project({
    "partykit.json": { name: "crash", main: "src/server.ts" },
    "src/server.ts": `import { fail } from "./fail";
export default class { onMessage(message: string, sender: any) { if (message === "crash") fail(); sender.send(message); } }
`,
    "src/fail.ts": `interface Unused { a: string }
// A line that is gone when it is bundled.
export function fail(): never {
  throw new Error("on purpose");
}
`,
  });
  const host = await start(folder);
  const client = await Client.open(host.ws("/party/room"));
  client.socket.send("crash");
  assert.equal(await client.ask("alive"), "alive");
  await host.printed(/error main\/room: onMessage: Error: on purpose\n\s+at fail \(src\/fail\.ts:4:\d+\)/, 5000);
  await client.close();
  await host.stop();
  assert.equal(host.output.match(/on purpose/g).length, 1, host.output);
});

alone("Ctrl-C with open sockets and open pages ends it at once, and a new start wins the page back", async ({ start }) => {
  const folder = project(FILES);
  const host = await start(folder);
  const page = await visit(host);
  await page.getByText("first").waitFor();
  const clients = await Promise.all(Array.from({ length: 10 }, () => Client.open(host.ws("/party/r"))));
  host.signal("SIGINT");
  const ends = await Promise.all(clients.map((client) => client.end()));
  assert.deepEqual(new Set(ends.map(({ code }) => code)), new Set([1012]));
  assert.deepEqual(await within(host.exit, "the end", 5000), { code: 0, signal: null });

  const port = host.address.split(":")[1];
  await page.evaluate(() => (window.old = true));
  const again = await start(folder, ["--port", port]);
  await page.waitForFunction(() => window.old === undefined);
  await page.getByText("first").waitFor();
  assert.equal(await again.stop(), 0);
  await page.close();
});

alone("scripts hear everything as JSON and find the address in a file", async ({ run }) => {
  const folder = project({ "server.js": SERVER });
  const ready = join(folder, "ready.json");
  const host = run(["dev", "--port", "0", "--json", "--ready-file", ready], { cwd: folder });
  await host.printed(/"event":"ready"/);
  await eventually("the file is there", () => {
    try {
      return JSON.parse(readFileSync(ready, "utf8"));
    } catch {
      return false;
    }
  });
  const { url, port } = JSON.parse(readFileSync(ready, "utf8"));
  assert.equal(url, `http://localhost:${port}`);
  const client = await Client.open(`ws://127.0.0.1:${port}/party/r`);
  client.socket.send("crash");
  await host.printed(/"event":"log"/, 5000);
  writeFileSync(join(folder, "server.js"), "(");
  await host.printed(/"event":"trouble"/, 5000);
  writeFileSync(join(folder, "server.js"), SERVER.replace("first", "second"));
  await host.printed(/"event":"mended"/, 5000);
  await client.end();
  await host.stop();
  const lines = host.output.split("\n").slice(1).filter(Boolean).map((line) => JSON.parse(line));
  const of = (name) => lines.filter(({ event }) => event === name);
  assert.equal(of("ready")[0].port, port);
  assert.deepEqual(of("trouble")[0].place, { file: "server.js", line: 1, column: 2 });
  assert.equal(of("reloaded").length, 1);
  const [log] = of("log");
  assert.equal(log.level, "error");
  assert.equal(log.room, "main/r");
  assert.match(log.text, /on purpose/);
  const [request] = of("request");
  assert.deepEqual([request.method, request.path, request.status], ["GET", "/party/r", 101]);
  assert.throws(() => readFileSync(ready), /ENOENT/);
});
