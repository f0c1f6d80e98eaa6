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
    // The reference's text, without the link to its vendor's pages.
    throw new Error(
      "Disallowed operation called within global scope. Asynchronous I/O (ex: fetch() or connect()), " +
        "setting a timeout, and generating random values are not allowed within global scope. To fix " +
        "this error, perform this operation within a handler.",
    );
  }
}
