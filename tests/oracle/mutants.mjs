// Behaviours switched off on purpose, of the guest's JavaScript and of the host: each must be
// caught by a scenario. `npm run mutants`; scripts/oracle builds what it needs.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { allowedFor, allScenarios, byProject, readRecorded, runProject } from "./harness/run.mjs";
import { HERE } from "./harness/server.mjs";
import { compare } from "./harness/transcript.mjs";
import { FACADE, writeFacadeMutant } from "./mutants/facade.mjs";
import { HOST } from "./mutants/host.mjs";

const BINARY = resolve(process.env.PARTYKIT_BIN ?? join(HERE, "../../target/release/partykit"));
const MUTANT_BINARY = resolve(process.env.PARTYKIT_MUTANTS_BIN ?? `${BINARY}-mutants`);

const scenarios = await allScenarios();
const folder = mkdtempSync(join(tmpdir(), "oracle-mutants-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
// Each mutant's engine is compiled once and never used again: not into the user's own cache.
process.env.PARTYKIT_CACHE_DIR = join(folder, "cache");

let failed = false;
await report("nothing is switched off, and nothing is complained of", () => unchanged(BINARY));
for (const mutant of FACADE) {
  await report(mutant.behaviour, () => {
    const binary = join(folder, "partykit");
    writeFacadeMutant(BINARY, mutant, binary);
    return seeing(binary, mutant);
  });
}
await report("nothing of the host is switched off", () => unchanged(MUTANT_BINARY));
for (const [index, mutant] of HOST.entries()) {
  await report(mutant.behaviour, async () => {
    process.env.PARTYKIT_MUTANT = `${index}`;
    const unseen = await seeing(MUTANT_BINARY, mutant);
    delete process.env.PARTYKIT_MUTANT;
    return unseen;
  });
}
process.exitCode = failed ? 1 : 0;

async function report(name, run) {
  const began = Date.now();
  const complaints = await run();
  const took = `${((Date.now() - began) / 1000).toFixed(1)} s`;
  console.log(`${complaints ? "FAIL" : "ok"}  ${name} (${took})${complaints ? `\n${complaints}` : ""}`);
  failed ||= Boolean(complaints);
}

/** A binary as it is: without this, a suite that always complains would catch everything. */
async function unchanged(binary) {
  process.env.PARTYKIT_BIN = binary;
  return [...(await complaintsOf(scenarios)).values()].join("\n");
}

/** Why a mutant went unseen; nothing when it was caught where it should be. */
async function seeing(binary, { caughtBy }) {
  process.env.PARTYKIT_BIN = binary;
  const own = scenarios.filter(({ name }) => name.startsWith(`${caughtBy} `));
  const seenBy = (await complaintsOf(own)).size;
  if (seenBy === 0) return `no scenario of ${caughtBy} has seen it`;
  // Code that does not even run is caught by anything, and proves nothing.
  return seenBy === own.length ? `every scenario of ${caughtBy} fails: it breaks too much` : "";
}

/** The complaints by the scenarios that have any. */
async function complaintsOf(wanted) {
  const found = new Map();
  for (const [project, ofProject] of byProject(wanted)) {
    const recorded = readRecorded(project);
    const results = await runProject("ours", project, ofProject);
    for (const { name } of ofProject) {
      const { steps, error } = results.get(name);
      const complaints = compare(name, recorded[name], steps, allowedFor(name));
      if (error) complaints.push(error);
      if (complaints.length > 0) found.set(name, complaints.join("\n"));
    }
  }
  return found;
}
