// One room's life: what changes as soon as there is a room.
//
// A room begins with an image and makes those pages of it its own that it writes to. Variables of
// modules lie all over the image, so what every room changes stands in one object, made when the
// room begins and thus among its own things. Only the variable that names it is written to.

const unborn = () => ({
  /** Whether there is a room; until its first event the code is being evaluated. */
  begun: false,
  /** The section that belongs to what runs now: scope.js. */
  current: 0,
  /** The innermost open section; party/sections.js keeps it. */
  innermost: 0,
  /** Open sections, innermost last; party/sections.js. @type {any[]} */
  sections: [],
  /** When the room first looked at the clock, and what that said; web/performance.js. */
  clockBegan: 0,
  timeOrigin: 0,
  /** What party/dispatch.js delivers to, once there is a room. */
  party: /** @type {import("../party/dispatch.js").Party} */ (/** @type {unknown} */ (undefined)),
});

export let life = unborn();

/** The first event has come: a room begins. */
export function begin() {
  life = unborn();
  life.begun = true;
}

/** Throws while the code is being evaluated: whatever needs a room is refused then. */
export function requireHandler() {
  if (life.begun) return;
  // The reference's text, without the link to its vendor's pages.
  throw new Error(
    "Disallowed operation called within global scope. Asynchronous I/O (ex: fetch() or connect()), " +
      "setting a timeout, and generating random values are not allowed within global scope. To fix " +
      "this error, perform this operation within a handler.",
  );
}
