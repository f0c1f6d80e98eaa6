// examples/chat: the visit written down in smoke.txt, and two browser tabs.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { launch } from "./browser.mjs";
import { Client, within } from "./client.mjs";
import { ROOT, hostFor } from "./host.mjs";

const CHAT = join(ROOT, "examples/chat");
const STATE = mkdtempSync(join(tmpdir(), "partykit-state-"));
process.on("exit", () => rmSync(STATE, { recursive: true, force: true }));
const test = hostFor(CHAT, ["--persist", STATE]);

/** Whether `value` holds at least what `pattern` does. Lists must have the same length. */
function holds(value, pattern) {
  if (typeof pattern !== "object" || pattern === null) return Object.is(value, pattern);
  if (typeof value !== "object" || value === null) return false;
  if (Array.isArray(pattern) && value.length !== pattern.length) return false;
  return Object.keys(pattern).every((key) => holds(value[key], pattern[key]));
}

test("the visit of smoke.txt goes as it is written", async (host) => {
  const clients = {};
  const lines = readFileSync(join(CHAT, "smoke.txt"), "utf8").split("\n");
  for (const [index, line] of lines.entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const [, who, verb, what] = /^(\w+)\s+(\w+)\s*(.*)$/.exec(line);
    if (verb === "connects") clients[who] = await Client.open(host.ws(`/party/smoke${what}`));
    else if (verb === "sends") clients[who].socket.send(what);
    else if (verb === "leaves") await clients[who].close();
    else if (verb === "receives") {
      const message = await clients[who].nextJson();
      assert.ok(holds(message, JSON.parse(what)), `line ${index + 1}: got ${JSON.stringify(message)}`);
    } else assert.fail(`line ${index + 1}: ${verb}?`);
  }
});

test("the last fifty messages are kept and no more", async (host) => {
  const writer = await Client.open(host.ws("/party/long"));
  await writer.next();
  for (let i = 1; i <= 60; i++) await writer.ask(JSON.stringify({ type: "message", text: `${i}` }));
  const reader = await Client.open(host.ws("/party/long"));
  const { messages } = await reader.nextJson();
  assert.deepEqual(messages.map(({ text }) => text), Array.from({ length: 50 }, (_, i) => `${i + 11}`));
});

async function say(page, text) {
  await page.getByLabel("Message").fill(text);
  await page.getByLabel("Message").press("Enter");
}

test("two tabs chat", async (host) => {
  const browser = await launch();
  try {
    const problems = [];
    const open = async (name, colorScheme) => {
      const viewport = { width: 640, height: 560 };
      const context = await browser.newContext({ colorScheme, viewport, reducedMotion: "reduce" });
      const page = await context.newPage();
      page.on("pageerror", (error) => problems.push(String(error)));
      page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
      await page.addInitScript((name) => localStorage.setItem("chat:name", name), name);
      await page.goto(`http://${host.address}/#tea-time`);
      await page.getByText("Connected").waitFor();
      return page;
    };
    const ada = await open("Ada", "light");
    const bob = await open("Bob", "dark");
    await ada.getByText("Bob", { exact: true }).waitFor();
    await say(ada, "Is the kettle on?");
    await bob.getByText("Is the kettle on?").waitFor();
    await say(bob, "It is. Two minutes!");
    await ada.getByText("It is. Two minutes!").waitFor();
    await say(bob, "<b>not bold</b>");
    await ada.getByText("<b>not bold</b>").waitFor();
    await ada.getByLabel("Your name").fill("Ada Lovelace");
    await ada.getByLabel("Your name").press("Tab");
    await bob.getByText("Ada Lovelace", { exact: true }).first().waitFor();
    const pictures = join(ROOT, "tests/.cache");
    mkdirSync(pictures, { recursive: true });
    await ada.screenshot({ path: join(pictures, "chat-light.png") });
    await bob.screenshot({ path: join(pictures, "chat-dark.png") });
    await bob.setViewportSize({ width: 360, height: 640 });
    const wide = await bob.evaluate(() => document.documentElement.scrollWidth > innerWidth);
    assert.equal(wide, false, "the page scrolls sideways on a phone");
    await bob.screenshot({ path: join(pictures, "chat-phone.png") });
    await bob.reload();
    await bob.getByText("Is the kettle on?").waitFor();
    await bob.close();
    await ada.getByText("Bob", { exact: true }).first().waitFor({ state: "attached" });
    await within(ada.waitForFunction(() => document.querySelectorAll("#people li").length === 1), "Bob to leave");
    assert.deepEqual(problems, []);
  } finally {
    await browser.close();
  }
});
