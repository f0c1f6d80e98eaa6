// Starts the real binary on a project written for the test, and ends it.
// Owns the process and what it printed; clients are in client.mjs. Every test file uses it.

import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

export const HERE = dirname(fileURLToPath(import.meta.url));
export const ROOT = resolve(HERE, "../..");
const BINARY = resolve(process.env.PARTYKIT_BIN ?? join(ROOT, "target/release/partykit"));

// The first start on a machine compiles the engine, which takes its time on a busy one.
const START_MS_MAX = 90_000;
const STOP_MS_MAX = 20_000;
// Above every wait within a test, so that those speak first.
const TEST = { timeout: 150_000 };

// One for each folder and each process of a file of tests.
process.setMaxListeners(100);

/** A folder with these files, in which `npm ci` seems to have run. Removed at the end of the process. */
export function project(files) {
  const folder = mkdtempSync(join(tmpdir(), "partykit-e2e-"));
  const all = { "partykit.json": { name: "e2e", main: "server.js" }, ...files };
  for (const [path, content] of Object.entries(all)) {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content));
  }
  symlinkSync(join(HERE, "node_modules"), join(folder, "node_modules"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A run of `partykit` with everything it printed. */
export class Run {
  output = "";
  exit;
  #child;

  constructor(args, { cwd, env = {} } = {}) {
    this.#child = spawn(BINARY, args, {
      cwd,
      env: { ...process.env, NO_COLOR: "1", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.output = `$ partykit ${args.join(" ")}\n`;
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => (this.output += text));
    }
    // "close" rather than "exit": by then everything that was printed has been read.
    this.exit = new Promise((done, failed) => {
      this.#child.on("close", (code, signal) => done({ code, signal }));
      this.#child.on("error", failed);
    });
    // A test may be looking elsewhere when it fails to start; whoever awaits `exit` still hears.
    this.exit.catch((error) => (this.output += `${error}\n`));
    process.on("exit", () => this.#child.kill("SIGKILL"));
  }

  /** The first match of a pattern in what is printed. */
  async printed(pattern, ms = START_MS_MAX) {
    const end = Date.now() + ms;
    let ended = false;
    const noteEnd = () => (ended = true);
    this.exit.then(noteEnd, noteEnd);
    for (;;) {
      // Read before looking: what was printed last counts even if the process has ended since.
      const over = ended || Date.now() > end;
      const match = pattern.exec(this.output);
      if (match) return match;
      if (over) throw new Error(`${ended ? "ended" : "waited"} without ${pattern}:\n${this.output}`);
      await new Promise((wake) => setTimeout(wake, 20));
    }
  }

  signal(name) {
    this.#child.kill(name);
  }

  /** Ends it in the orderly way; a process that does not end in time is killed and reported. */
  async stop() {
    this.signal("SIGTERM");
    const timer = setTimeout(() => this.signal("SIGKILL"), STOP_MS_MAX);
    const { code, signal } = await this.exit;
    clearTimeout(timer);
    if (signal === "SIGKILL") throw new Error(`did not end within ${STOP_MS_MAX} ms:\n${this.output}`);
    return code;
  }
}

/** `partykit dev` in a folder, ready to be talked to. */
export class Host extends Run {
  /** `127.0.0.1:PORT`. */
  address = "";

  static async start(folder, args = [], env = {}) {
    const port = args.includes("--port") ? [] : ["--port", "0"];
    const host = new Host(["dev", ...port, "--no-hotkeys", ...args], { cwd: folder, env });
    try {
      const [, port] = await host.printed(/Ready on http:\/\/[^\s/]+:(\d+)/i);
      host.address = `127.0.0.1:${port}`;
      return host;
    } catch (error) {
      host.signal("SIGKILL");
      throw error;
    }
  }

  http(path, init) {
    return fetch(`http://${this.address}${path}`, { signal: AbortSignal.timeout(60_000), ...init });
  }

  ws(path) {
    return `ws://${this.address}${path}`;
  }
}

/**
 * One host for all tests of a file, with variables of its own. Returns `test`, whose callback gets the host; what the host
 * printed meanwhile is shown when it fails.
 */
export function hostFor(files, args, env) {
  let host;
  before(async () => {
    host = await Host.start(typeof files === "string" ? files : project(files), args, env);
  });
  after(async () => {
    const code = await host?.stop();
    if (host && code !== 0) throw new Error(`exit code ${code}:\n${host.output}`);
  });
  return (name, run) =>
    test(name, TEST, async (context) => {
      const from = host.output.length;
      try {
        await run(host, context);
      } catch (error) {
        console.error(`--- the host printed meanwhile:\n${host.output.slice(from)}---`);
        throw error;
      }
    });
}

/**
 * A test with processes of its own. Its callback gets `run(args, options)`, `start(folder, args, env)` and
 * the test's `context`;
 * whatever they started and is still there at the end, after a failure too, is killed: a process left
 * behind would keep the test's own process from ending.
 */
export function alone(name, body, options = {}) {
  return test(name, { ...TEST, ...options }, async (context) => {
    const started = [];
    context.after(() => started.forEach((run) => run.signal("SIGKILL")));
    const run = (...args) => {
      started.push(new Run(...args));
      return started.at(-1);
    };
    const start = async (...args) => {
      started.push(await Host.start(...args));
      return started.at(-1);
    };
    await body({ run, start, context });
  });
}
