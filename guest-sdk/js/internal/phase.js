// Whether the code of the room is still being evaluated. Until the first event there is no room:
// whatever needs one is refused with the reference's error.

let evaluating = true;

/** The first event has come. */
export function eventsBegin() {
  evaluating = false;
}

/** Throws while the code is being evaluated. */
export function requireHandler() {
  if (evaluating) {
    throw new Error(
      "Disallowed operation called within global scope. Timers, random values and other I/O are " +
        "not allowed while the code is loaded: use them within a handler.",
    );
  }
}
