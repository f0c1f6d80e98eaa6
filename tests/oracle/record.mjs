// Runs every scenario against the reference and writes what it did into recorded/.
// `npm run record`, or `npm run record -- class` for one project. The reference must be installed:
// `npm ci`.

import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { allScenarios, byProject, runProject } from "./harness/run.mjs";
import { HERE } from "./harness/server.mjs";

const wanted = process.argv.slice(2);
let failed = false;
for (const [project, scenarios] of byProject(await allScenarios())) {
  if (wanted.length > 0 && !wanted.includes(project)) continue;
  const results = await runProject("reference", project, scenarios);
  const recorded = {};
  for (const { name } of scenarios) {
    const { steps, error } = results.get(name);
    recorded[name] = steps;
    if (!error) continue;
    failed = true;
    console.error(`${name}: ${error}`);
  }
  writeFileSync(join(HERE, "recorded", `${project}.json`), `${layout(recorded)}\n`);
  console.log(`recorded ${scenarios.length} scenarios of ${project}`);
}
if (failed) process.exitCode = 1;

/** One line for each step: readable, and a change is a change of one line. */
function layout(recorded) {
  const scenarios = Object.entries(recorded).map(([name, steps]) => {
    const lines = Object.entries(steps)
      .map(([step, value]) => `    ${JSON.stringify(step)}: ${JSON.stringify(value)}`);
    return `  ${JSON.stringify(name)}: {\n${lines.join(",\n")}\n  }`;
  });
  return `{\n${scenarios.join(",\n")}\n}`;
}
