// Transcripts: what a scenario saw, step by step, without what changes from run to run; and the
// comparison of two of them under the list of deliberate differences.

const CHANGING = [
  [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi, "<uuid>"],
  [/\b[0-9a-f]{64}\b/g, "<64 hex>"],
  [/\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, "<time>"],
];

export class Transcript {
  /** Without a prototype: steps may have any name. */
  steps = Object.create(null);
  #address;

  constructor(address) {
    this.#address = address;
  }

  /** Notes what was seen at a step. Names of steps are unique within a scenario. */
  saw(step, value) {
    if (step in this.steps) throw new Error(`the step "${step}" stands twice in this scenario`);
    this.steps[step] = this.#steady(value === undefined ? null : value);
  }

  #steady(value) {
    const text = JSON.stringify(value, (_, inner) => {
      if (typeof inner !== "string") return inner;
      const steady = (text, [pattern, name]) => text.replace(pattern, name);
      return CHANGING.reduce(steady, inner.replaceAll(this.#address, "<host>"));
    });
    return JSON.parse(text);
  }
}

/**
 * Complaints about one scenario.
 * @param name the scenario
 * @param reference its steps as the reference takes them
 * @param ours its steps as ours takes them
 * @param allowed the deliberate differences of this scenario
 */
export function compare(name, reference, ours, allowed) {
  const complaints = [];
  const steps = new Set([...Object.keys(reference), ...Object.keys(ours)]);
  for (const step of steps) {
    const [theirs, own] = [reference, ours].map((all) => written(all[step]));
    const entry = allowed.find((entry) => entry.step === step);
    const at = `${name}\n  step:      ${step}\n`;
    if (theirs === own) {
      if (entry) complaints.push(`${at}  is listed as a difference and is none: ${own}`);
    } else if (!entry) {
      complaints.push(`${at}  reference: ${theirs}\n  ours:      ${own}`);
    } else {
      if (written(entry.reference) !== theirs) {
        complaints.push(`${at}  listed for the reference: ${written(entry.reference)}\n  seen: ${theirs}`);
      }
      if (written(entry.ours) !== own) {
        complaints.push(`${at}  listed for ours: ${written(entry.ours)}\n  seen: ${own}`);
      }
    }
  }
  for (const entry of allowed) {
    if (!steps.has(entry.step)) complaints.push(`${name}: has no step "${entry.step}" any more`);
  }
  return complaints;
}

/** Independent of the order of keys; a step that was never reached is "(not reached)". */
function written(value) {
  if (value === undefined) return "(not reached)";
  return JSON.stringify(value, (_, inner) =>
    inner && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner);
}

/** Fails with the complaints and nothing else: where this function stands says nothing. */
export function report(complaints) {
  if (complaints.length === 0) return;
  const failure = new Error(complaints.join("\n"));
  failure.stack = failure.message;
  throw failure;
}
