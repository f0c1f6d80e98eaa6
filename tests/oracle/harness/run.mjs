// Runs the scenarios of a project against one host and gives their transcripts.
// Who compares them with what is decided by the callers: oracle.test.mjs, live.test.mjs,
// record.mjs, mutants.mjs.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { Client, eventually, pieces, request } from "./client.mjs";
import { Raw } from "./raw.mjs";
import { HERE, Server } from "./server.mjs";
import { Transcript } from "./transcript.mjs";

/** How many scenarios of a project run at the same time, each in rooms of its own. */
const AT_ONCE = 4;

/** What a scenario is given. */
class Stage {
  #clients = [];
  #transcript;

  constructor(server, transcript) {
    this.server = server;
    this.#transcript = transcript;
  }

  saw(step, value) {
    this.#transcript.saw(step, value);
  }

  /** A client whose handshake has begun. */
  dial(path, options) {
    const client = new Client(`ws://${this.server.address}${path}`, options);
    this.#clients.push(client);
    return client;
  }

  /** A client that is connected; anything else fails the scenario. */
  async connect(path, options) {
    const client = this.dial(path, options);
    const outcome = await client.outcome();
    if (outcome !== "open") throw new Error(`${path}: no connection: ${outcome}`);
    return client;
  }

  /** A client that says its bytes itself. */
  raw(...parts) {
    const client = new Raw(this.server.address);
    this.#clients.push(client);
    client.write(...parts);
    return client;
  }

  /** An answer that is read piece by piece. */
  pieces(path) {
    return pieces(this.server.address, path);
  }

  request(path, options) {
    return request(this.server.address, path, options);
  }

  /** Status, type and body of an answer, for transcripts. */
  async answer(path, options) {
    const { status, type, body } = await this.request(path, options);
    return { status, type, body };
  }

  async json(path, options) {
    const { status, body } = await this.request(path, options);
    if (status !== 200) throw new Error(`${path}: ${status} ${body}`);
    return JSON.parse(body);
  }

  /** What the room at this path has noted (fixtures/class/rooms/noting.js). */
  notes(path) {
    return this.json(`${path}?notes`);
  }

  /** The room's notes once one of them begins with these words. */
  noted(path, words, ms) {
    return eventually(`${path} notes "${words}"`, async () => {
      const notes = await this.notes(path);
      return notes.some((note) => note.startsWith(words)) && notes;
    }, ms);
  }

  leave() {
    for (const client of this.#clients) client.cut();
  }
}

/** All scenarios, in the order of their files: `{ name, project, run }`. */
export async function allScenarios() {
  const found = [];
  for (const file of readdirSync(join(HERE, "scenarios")).sort()) {
    found.push(...(await import(join(HERE, "scenarios", file))).default);
  }
  const names = found.map((scenario) => scenario.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice) throw new Error(`two scenarios are called "${twice}"`);
  return found;
}

/** The scenarios by their projects. */
export function byProject(scenarios) {
  const projects = new Map();
  for (const scenario of scenarios) {
    if (!projects.has(scenario.project)) projects.set(scenario.project, []);
    projects.get(scenario.project).push(scenario);
  }
  return projects;
}

/**
 * Transcripts of the scenarios of one project: name to `{ steps, error }`. A scenario with
 * `attempt` starts the host itself, because the start is what it is about.
 */
export async function runProject(kind, project, scenarios) {
  const results = new Map();
  const own = scenarios.filter((scenario) => scenario.attempt);
  for (const scenario of own) {
    const server = await Server.attempt(kind, project);
    results.set(scenario.name, await runOne(scenario, server));
    await server.stop();
  }
  const rest = scenarios.filter((scenario) => !scenario.attempt);
  if (rest.length === 0) return results;
  const server = await Server.start(kind, project);
  try {
    const queue = [...rest];
    const lane = async () => {
      for (let scenario = queue.shift(); scenario; scenario = queue.shift()) {
        results.set(scenario.name, await runOne(scenario, server));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
  } finally {
    await server.stop();
  }
  return results;
}

async function runOne(scenario, server) {
  const transcript = new Transcript(server.address);
  const stage = new Stage(server, transcript);
  let error;
  try {
    await scenario.run(stage);
  } catch (thrown) {
    error = `${thrown.stack}`;
  }
  stage.leave();
  return { steps: transcript.steps, error };
}

/** Makes the list that a file of scenarios exports. */
export function scenarios(project, runs, options = {}) {
  return Object.entries(runs).map(([name, run]) => ({ name, project, run, ...options }));
}

export function readRecorded(project) {
  return JSON.parse(readFileSync(join(HERE, "recorded", `${project}.json`), "utf8"));
}

/** The deliberate differences of one scenario. */
export function allowedFor(name) {
  const all = JSON.parse(readFileSync(join(HERE, "differences.json"), "utf8"));
  return all.filter((entry) => entry.scenario === name);
}
