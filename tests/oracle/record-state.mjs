// Records what PartyKit itself leaves on a disk: `.partykit/state` with values of every kind, ended
// without a word, so that some of it stands in files of SQLite's own. `partykit storage import` is
// tested against it (cli/tests/cli/transfer.rs).
//
// node tests/oracle/record-state.mjs, after scripts/reference.

import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));
const VALUES = resolve(HERE, "../../guest-sdk/quickjs/src/tests/values.tsv");
const STATE = resolve(HERE, "../../cli/tests/fixtures/partykit-state");
const PORT = 4_599;

const cases = readFileSync(VALUES, "utf8").trimEnd().split("\n").map((line) => line.split("\t"));
const makers = cases.map(([name, code]) => `[${JSON.stringify(name)}, () => (${code})]`);
// Nothing but undefined is refused by put().
const server = `const cases = [${makers.join(",\n")}];
export default class Server {
  constructor(room) { this.room = room; }
  async onRequest() {
    for (const [name, make] of cases) await this.room.storage.put(name, make() ?? { nothing: make() });
    return new Response("stored");
  }
}
`;

const folder = mkdtempSync(join(tmpdir(), "record-state-"));
const config = { name: "state", main: "server.js", parties: { other: "server.js" }, compatibilityDate: "2024-07-01" };
writeFileSync(join(folder, "partykit.json"), JSON.stringify(config));
writeFileSync(join(folder, "server.js"), server);
const child = spawn(process.execPath, [
  join(HERE, "node_modules/partykit/dist/bin.mjs"),
  ...["dev", "--port", `${PORT}`, "--persist", "--disable-request-cf-fetch", "--no-hotkeys"],
], {
  cwd: folder,
  env: { ...process.env, CI: "1", NO_UPDATE_NOTIFIER: "1", HOME: folder },
  stdio: "inherit",
  detached: true,
});
try {
  for (const path of ["/party/every", "/parties/other/ro%20om", "/party/forgotten"]) await stored(path);
} finally {
  // The group: the runtime is a child of it.
  process.kill(-child.pid, "SIGKILL");
}
rmSync(STATE, { recursive: true, force: true });
cpSync(join(folder, ".partykit/state"), STATE, { recursive: true, filter: (path) => !path.endsWith("-shm") });
rmSync(folder, { recursive: true, force: true });

async function stored(path) {
  const end = Date.now() + 60_000;
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${PORT}${path}`).catch(() => undefined);
    const text = await answer?.text();
    if (text === "stored") return;
    if (Date.now() > end || answer) throw new Error(`${path}: ${answer?.status} ${text}`);
    await new Promise((wake) => setTimeout(wake, 100));
  }
}
