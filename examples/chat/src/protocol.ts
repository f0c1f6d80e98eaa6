// What a client and the room say to each other: JSON texts, told apart by `type`.
// Owns the shapes and the check of what comes in; knows nothing of rooms or connections.

/** Somebody in the room. `hue` (0-359) is the colour of their name. */
export type Person = { id: string; name: string; hue: number };

/** One line of the conversation. `id` grows by one with each. */
export type ChatMessage = {
  type: "message";
  id: number;
  from: string;
  name: string;
  hue: number;
  text: string;
  at: number;
};

/** What the room sends. */
export type FromRoom =
  | { type: "welcome"; you: Person; people: Person[]; messages: ChatMessage[] }
  | { type: "people"; people: Person[] }
  | ChatMessage
  | { type: "error"; text: string };

/** What a client sends. */
export type FromClient = { type: "message"; text: string } | { type: "name"; name: string };

export const TEXT_LENGTH_MAX = 2000;
export const NAME_LENGTH_MAX = 32;

/** Reads what a client sent; a string is the reason why it is not acceptable. */
export function parse(input: string | ArrayBuffer): FromClient | string {
  if (typeof input !== "string") return "Send text, not binary.";
  let value: unknown;
  try {
    value = JSON.parse(input);
  } catch {
    return "That is not JSON.";
  }
  const { type, text, name } = Object(value) as Record<string, unknown>;
  if (type === "message") {
    if (typeof text !== "string" || text.trim() === "") return "A message needs a text.";
    if (text.length > TEXT_LENGTH_MAX) {
      return `A text has at most ${TEXT_LENGTH_MAX} characters, yours has ${text.length}.`;
    }
    return { type, text };
  }
  if (type === "name") {
    const clean = typeof name === "string" ? cleanName(name) : "";
    return clean === "" ? "A name needs at least one letter." : { type, name: clean };
  }
  return 'The type must be "message" or "name".';
}

/** A name fit to be shown: one line, no control characters, not too long. */
export function cleanName(name: string): string {
  const line = name.replace(/[\p{C}\p{Z}]+/gu, " ").trim();
  return [...line].slice(0, NAME_LENGTH_MAX).join("").trim();
}
