// Globals that the engine itself has and TypeScript's ES library does not name.

declare function queueMicrotask(callback: () => void): void;

declare class DOMException extends Error {
  constructor(message?: string, name?: string);
  readonly code: number;
}

/** web/console.js, which bootstrap.js installs. */
declare const console: typeof import("../web/console.js").console;
