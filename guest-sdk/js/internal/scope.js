// The section that work started now belongs to (0: none). Every timer carries it, so that the host
// knows which completions may enter while a section is open.
//
// The rule, an approximation of what AsyncLocalStorage does: each turn begins in the innermost open
// section, and everything in that turn belongs to it. In the turn that opens a section, only its
// function and the jobs that come after it do; synchronous code around it does not.
//
// `scope.current` and `scope.innermost` are members of the room's life.

export { life as scope } from "./life.js";
