// The section that work started now belongs to (0: none). Every timer carries it, so that the host
// knows which completions may enter while a section is open.
//
// The rule, an approximation of what AsyncLocalStorage does: each turn begins in the innermost open
// section, and everything in that turn belongs to it. In the turn that opens a section, only its
// function and the jobs that come after it do; synchronous code around it does not.

const none = () => ({
  /** The section that belongs to what runs now. */
  current: 0,
  /** The innermost open section; party/sections.js keeps it. */
  innermost: 0,
});

export let scope = none();

/**
 * A room begins. It writes to the scope with every event, so it gets one of its own, outside of the
 * image that it began with.
 */
export function renewScope() {
  scope = none();
}
