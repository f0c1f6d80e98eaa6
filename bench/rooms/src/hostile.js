// What the rooms called hostile-KIND-... do with a message: want everything for themselves.

/** @type {Record<string, (sender: import("partykit/server").Connection) => unknown>} */
const KINDS = {
  loop: () => {
    for (;;);
  },
  jobs: async () => {
    for (;;) await null;
  },
  regexp: () => /^(a+)+$/.test(`${"a".repeat(64)}!`),
  recursion: () => {
    const deeper = () => deeper() + 1;
    return deeper();
  },
  memory: () => {
    for (const all = []; ; ) all.push(new Uint8Array(1 << 20).fill(1));
  },
  list: () => new Array(2 ** 32 - 2).fill(0),
  text: () => "x".repeat(2 ** 30 - 1),
  sends: (sender) => {
    for (let n = 0; n < 1e7; n++) sender.send("x");
  },
  timers: () => {
    for (let n = 0; n < 5e4; n++) setTimeout(() => {}, 1e8);
  },
};

/** @param {string} room @param {import("partykit/server").Connection} sender */
export async function runWild(room, sender) {
  try {
    await KINDS[room.split("-")[1]](sender);
  } finally {
    // It was an exception, and this is the next message that whoever asked waits for.
    sender.send("survived");
  }
}
