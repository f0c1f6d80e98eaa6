// Both hosts at once, without the recorded transcripts: the reference still does what is recorded,
// and ours does the same. `npm run live`; the reference must be installed: `npm ci`.

import { before, describe, test } from "node:test";

import {
  allowedFor, allScenarios, byProject, readRecorded, runProject,
} from "./harness/run.mjs";
import { compare, report } from "./harness/transcript.mjs";

for (const [project, scenarios] of byProject(await allScenarios())) {
  describe(project, () => {
    const results = {};
    before(async () => {
      for (const kind of ["reference", "ours"]) {
        results[kind] = await runProject(kind, project, scenarios);
      }
    }, { timeout: 240_000 });
    const recorded = readRecorded(project);
    for (const { name } of scenarios) {
      test(name, () => {
        const [reference, ours] = [results.reference.get(name), results.ours.get(name)];
        const complaints = [
          ...compare(`recorded: ${name}`, reference.steps, recorded[name], []),
          ...compare(name, reference.steps, ours.steps, allowedFor(name)),
          ...[reference.error, ours.error].filter(Boolean),
        ];
        report(complaints);
      });
    }
  });
}
