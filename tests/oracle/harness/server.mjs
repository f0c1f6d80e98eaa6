// Starts one of the two hosts on a copy of a fixture project, and ends it.
// Owns the process, its folder and what it printed. What is said to it is client.mjs; which
// scenarios run against it is run.mjs.

import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const HERE = resolve(dirname(fileURLToPath(import.meta.url)), "..");

// The first start of ours on a machine compiles the engine.
const START_MS_MAX = 90_000;
const STOP_MS_MAX = 20_000;
const READY = /Ready on http:\/\/[^\s/]+:(\d+)/i;

/** How each host is started: program, arguments, and variables of its own. */
const HOSTS = {
  reference: (port) => ({
    program: process.execPath,
    args: [
      join(HERE, "node_modules/partykit/dist/bin.mjs"),
      ...["dev", "--port", `${port}`, "--disable-request-cf-fetch", "--no-hotkeys"],
    ],
    // It keeps its login and its update check in the home directory, and asks for neither there.
    env: { CI: "1", NO_UPDATE_NOTIFIER: "1", HOME: mkdtempSync(join(tmpdir(), "oracle-home-")) },
  }),
  ours: (port) => ({
    program: resolve(process.env.PARTYKIT_BIN ?? join(HERE, "../../target/release/partykit")),
    args: ["dev", "--port", `${port}`, "--no-hotkeys"],
    // The reference's own limit; ours is 32 MiB unless told otherwise.
    env: { PARTYKIT_HOST_MESSAGE_BYTES_MAX: "1048576" },
  }),
};

export class Server {
  output = "";
  /** `127.0.0.1:PORT`. */
  address = "";
  #child;
  #folder;
  #home;
  #exit;

  constructor(kind, fixture, port) {
    this.#folder = mkdtempSync(join(tmpdir(), `oracle-${fixture}-`));
    cpSync(join(HERE, "fixtures", fixture), this.#folder, { recursive: true });
    symlinkSync(join(HERE, "node_modules"), join(this.#folder, "node_modules"));
    const { program, args, env } = HOSTS[kind](port);
    args.push(...ownArguments(fixture));
    this.#home = env.HOME;
    // A group of its own: the reference's runtime is a child of it, and must end with it.
    this.#child = spawn(program, args, {
      cwd: this.#folder,
      env: { ...process.env, NO_COLOR: "1", ...env },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => (this.output += text));
    }
    this.#exit = new Promise((done) => {
      this.#child.on("close", (code) => done(code));
      this.#child.on("error", (error) => done((this.output += `${error}\n`)));
    });
    this.address = `127.0.0.1:${port}`;
    process.on("exit", this.#kill);
  }

  /** A server that answers requests. */
  static async start(kind, fixture) {
    const server = new Server(kind, fixture, await freePort());
    const ready = await server.prints(READY, START_MS_MAX);
    if (ready) return server;
    await server.stop();
    throw new Error(`${kind} did not start on ${fixture}:\n${server.output}`);
  }

  /** A server whose start is expected to fail, or to complain. */
  static async attempt(kind, fixture) {
    return new Server(kind, fixture, await freePort());
  }

  /** Whether something is printed before the process ends or the time is over. */
  async prints(pattern, ms = 20_000) {
    const end = Date.now() + ms;
    let ended = false;
    this.#exit.then(() => (ended = true));
    for (;;) {
      const over = ended || Date.now() > end;
      if (pattern.test(this.output)) return true;
      if (over) return false;
      await new Promise((wake) => setTimeout(wake, 20));
    }
  }

  async stop() {
    this.#signal("SIGTERM");
    const timer = setTimeout(this.#kill, STOP_MS_MAX);
    await this.#exit;
    clearTimeout(timer);
    this.#kill();
    process.off("exit", this.#kill);
    for (const folder of [this.#folder, this.#home]) {
      if (folder) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    }
  }

  #kill = () => this.#signal("SIGKILL");

  #signal(name) {
    try {
      process.kill(-this.#child.pid, name);
    } catch (error) {
      // It has ended, and everything that it had started.
      if (error.code !== "ESRCH") throw error;
    }
  }
}

/** What a project's own start is given besides, one argument a line. */
function ownArguments(fixture) {
  const file = join(HERE, "fixtures", fixture, "arguments");
  return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
}

/** A port that was free a moment ago: the reference takes no 0. */
function freePort() {
  return new Promise((done, failed) => {
    const probe = createServer().once("error", failed);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });
}
