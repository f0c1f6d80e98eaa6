// Ours against the recorded transcripts of the reference. `npm test`.
// Also holds the books together: every recorded scenario exists, every difference that is listed
// is stated in docs/compatibility.md.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import {
  allowedFor, allScenarios, byProject, readRecorded, runProject,
} from "./harness/run.mjs";
import { HERE } from "./harness/server.mjs";
import { compare, report } from "./harness/transcript.mjs";
import { unplacedInFacade } from "./mutants/facade.mjs";
import { unplacedInHost } from "./mutants/host.mjs";

const scenarios = await allScenarios();
const projects = byProject(scenarios);

for (const [project, ofProject] of projects) {
  describe(project, () => {
    let results;
    before(async () => {
      results = await runProject("ours", project, ofProject);
    }, { timeout: 180_000 });
    const recorded = readRecorded(project);
    for (const { name } of ofProject) {
      test(name, () => {
        assert.ok(recorded[name], "is not recorded: npm run record");
        const { steps, error } = results.get(name);
        const complaints = compare(name, recorded[name], steps, allowedFor(name));
        if (error) complaints.push(error);
        report(complaints);
      });
    }
    after(() => (results = undefined));
  });
}

describe("the books", () => {
  test("each mutant still has its place in the sources", () => {
    const lost = [...unplacedInHost(), ...unplacedInFacade()];
    assert.deepEqual(lost.map(({ behaviour }) => behaviour), []);
  });

  test("what is recorded is what is run", () => {
    for (const file of readdirSync(join(HERE, "recorded"))) {
      const project = file.replace(/\.json$/, "");
      const names = (projects.get(project) ?? []).map(({ name }) => name);
      assert.deepEqual(Object.keys(readRecorded(project)).sort(), names.sort(), file);
    }
  });

  test("each difference is stated in docs/compatibility.md, under its heading", () => {
    const page = readFileSync(join(HERE, "../../docs/compatibility.md"), "utf8");
    const entries = JSON.parse(readFileSync(join(HERE, "differences.json"), "utf8"));
    for (const { scenario, heading } of entries) {
      assert.ok(scenarios.some(({ name }) => name === scenario), `no scenario "${scenario}"`);
      const [, part] = page.split(`\n## ${heading}\n`);
      const rows = part?.split("\n## ")[0].split("\n") ?? [];
      const stated = rows.some((row) =>
        /differs|absent/.test(row) && row.includes(`"${withoutMode(scenario)}"`));
      assert.ok(stated, `"${heading}" has no row that says what differs in "${scenario}"`);
    }
  });

  test("the scenarios that docs/compatibility.md names as proof exist", () => {
    const page = readFileSync(join(HERE, "../../docs/compatibility.md"), "utf8");
    for (const [, name] of page.matchAll(/"(\d+\.\d+ [^"]+)"/g)) {
      const exists = scenarios.some((scenario) => withoutMode(scenario.name) === name);
      assert.ok(exists, `no scenario "${name}"`);
    }
  });
});

/** A row of the page speaks of both modes of a room. */
function withoutMode(name) {
  return name.replace(/, (in memory|hibernating)$/, "");
}
