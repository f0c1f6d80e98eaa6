// Behaviours of the host, in Rust, that are switched off. All of them are built into one binary,
// from a copy of the sources: PARTYKIT_MUTANT names the one that is off. What is released is built
// from sources that know nothing of this.
//
// `node mutants/host.mjs FOLDER` writes that copy; scripts/oracle builds it.

import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";

import { HERE } from "../harness/server.mjs";

const ROOT = join(HERE, "../..");
const COPIED = ["Cargo.toml", "Cargo.lock", "host", "cli", "guest-sdk", "wit", "tests", "bench"];
const LEFT_OUT = /(^|\/)(node_modules|target|\.cache)(\/|$)/;

/**
 * As in facade.mjs; `OFF` in `to` is true when this mutant is the one that is named. Files are
 * those of host/.
 */
export const HOST = [
  {
    behaviour: "a handshake is answered when onConnect is done",
    file: "crates/rooms/src/deliver.rs",
    from: "self.state.connections.add(client.clone());",
    to: `self.state.connections.add(client.clone());
         if OFF { actions.push(Action::Accept { connection: client.handle }); }`,
    caughtBy: "1.2",
  },
  {
    behaviour: "the error of an onConnect is the reason of the close",
    file: "crates/rooms/src/answers.rs",
    from: "non_empty(&failure.message, UNCAUGHT_CONNECT)",
    to: `if OFF { UNCAUGHT_CONNECT } else { non_empty(&failure.message, UNCAUGHT_CONNECT) }`,
    caughtBy: "1.2",
  },
  {
    behaviour: "an onStart that failed is run again",
    file: "crates/rooms/src/failure.rs",
    from: "        self.reset_for(cause.clone(), actions);\n        self.waiting_alarm_failed",
    to: `        if OFF { self.leave_start_section(); } else { self.reset_for(cause.clone(), actions); }
        self.waiting_alarm_failed`,
    caughtBy: "1.2",
  },
  {
    behaviour: "the method of a request reaches the room",
    file: "src/body.rs",
    from: "method: request.method().as_str().to_owned(),",
    to: `method: if OFF { "GET".to_owned() } else { request.method().as_str().to_owned() },`,
    caughtBy: "1.3",
  },
  {
    behaviour: "the headers of an answer leave the host",
    file: "src/body.rs",
    from: "&& !is_framing(&name)",
    to: `&& !is_framing(&name) && !(OFF && name != "content-type")`,
    caughtBy: "1.3",
  },
  {
    behaviour: "nothing else enters while a section is open",
    file: "crates/rooms/src/room.rs",
    from: ".filter(|_| open.is_none());",
    to: ".filter(|_| open.is_none() || OFF);",
    caughtBy: "1.4",
  },
  {
    behaviour: "an exception in a section resets the room",
    file: "crates/rooms/src/room.rs",
    from: "if self.state.turn.broken {",
    to: "if self.state.turn.broken && !OFF {",
    caughtBy: "1.4",
  },
  {
    behaviour: "broadcast leaves out whom it was told to",
    file: "crates/rooms/src/connections.rs",
    from: "!without.contains(handle)",
    to: "(OFF || !without.contains(handle))",
    caughtBy: "1.4",
  },
  {
    behaviour: "a close without a code has none",
    file: "src/driver/perform.rs",
    from: "Action::Close { code, reason, .. } => peer.outbound.close(code, &reason),",
    to: `Action::Close { code, reason, .. } => {
        peer.outbound.close(if OFF { code.or(Some(1000)) } else { code }, &reason)
    }`,
    caughtBy: "1.5",
  },
  {
    behaviour: "binary messages leave as binary",
    file: "src/socket/frame.rs",
    from: "Message::Binary(bytes) => Self::new(BINARY,",
    to: "Message::Binary(bytes) => Self::new(if OFF { TEXT } else { BINARY },",
    caughtBy: "1.5",
  },
  {
    behaviour: "a client's Close frame is answered with its code",
    file: "crates/rooms/src/answers.rs",
    from: "code: Some(info.code).filter(|code| *code != close_code::NO_STATUS),",
    to: "code: Some(info.code).filter(|code| *code != close_code::NO_STATUS && !OFF),",
    caughtBy: "1.6",
  },
  {
    behaviour: "an end without a Close frame runs onClose",
    file: "src/socket/serve.rs",
    from: "socket.tell_closed(info);",
    to: "if !OFF || info.was_clean { socket.tell_closed(info); }",
    caughtBy: "1.6",
  },
  {
    behaviour: "a message above the limit is told to onError",
    file: "src/socket/serve.rs",
    from: "socket.room.tell(Input::Error {",
    to: "if !OFF { socket.room.tell(Input::Error {",
    also: [["error,\n                });", "error,\n                }); }"]],
    caughtBy: "1.6",
  },
  {
    behaviour: "a turn reads what earlier turns wrote",
    file: "crates/rooms/src/overlay/mod.rs",
    from: ".find_map(|layer| layer.look(key))",
    to: ".find_map(|layer| layer.look(key).filter(|_| !OFF))",
    also: [[".or_else(pending)", ".or_else(|| if OFF { None } else { pending() })"]],
    caughtBy: "1.11",
  },
  {
    behaviour: "what a transaction wrote that is rolled back is forgotten",
    file: "crates/rooms/src/api.rs",
    from: ".end_transaction(ending == SectionEnding::Keep);",
    to: ".end_transaction(ending == SectionEnding::Keep || OFF);",
    caughtBy: "3.3",
  },
  {
    behaviour: "deleteAll leaves the alarm",
    file: "crates/rooms/src/api.rs",
    from: "self.overlay.delete_all();",
    to: "self.overlay.delete_all(); if OFF { self.overlay.set_alarm(None); }",
    caughtBy: "3.3",
  },
  {
    behaviour: "an alarm whose handler fails is tried again",
    file: "crates/rooms/src/alarm.rs",
    from: "Outcome::Failed(_) => self.try_again(alarm),",
    to: "Outcome::Failed(_) if !OFF => self.try_again(alarm),",
    caughtBy: "3.4",
  },
  {
    behaviour: "there is no alarm while its handler runs",
    file: "crates/rooms/src/overlay/mod.rs",
    from: "if self.delivered {",
    to: "if self.delivered && !OFF {",
    caughtBy: "3.4",
  },
  {
    behaviour: "an alarm in the past is one for now",
    file: "crates/rooms/src/alarm.rs",
    from: "at_ms: at_ms.max(self.now_ms()),",
    to: "at_ms: if OFF { at_ms } else { at_ms.max(self.now_ms()) },",
    caughtBy: "3.4",
  },
  {
    behaviour: "names of rooms are not decoded",
    file: "src/route.rs",
    from: "room: RoomId::parse(room)?,",
    to: `room: RoomId::parse(if OFF && room.contains("%20") { "decoded" } else { room })?,`,
    caughtBy: "2.1",
  },
  {
    behaviour: "the first subprotocol offered is chosen",
    file: "src/routes/party.rs",
    from: "request.headers().get(header::SEC_WEBSOCKET_PROTOCOL)?",
    to: "request.headers().get(header::SEC_WEBSOCKET_PROTOCOL).filter(|_| !OFF)?",
    caughtBy: "2.1",
  },
  {
    behaviour: "the header Upgrade is read in any case",
    file: "src/routes/party.rs",
    from: `value.as_bytes().eq_ignore_ascii_case(b"websocket")`,
    to: `value.as_bytes().eq_ignore_ascii_case(b"websocket") && !(OFF && value != "websocket")`,
    caughtBy: "2.1",
  },
  {
    behaviour: "files whose names begin with a dot are not served",
    file: "src/assets.rs",
    from: "segment.starts_with('.')",
    to: "(!OFF && segment.starts_with('.'))",
    caughtBy: "2.1",
  },
];

/** Mutants of which the sources no longer have the place, exactly once. */
export function unplacedInHost() {
  const count = (file, text) =>
    readFileSync(join(ROOT, "host", file), "utf8").split(text).length - 1;
  return HOST.filter(({ file, from, also = [] }) =>
    [from, ...also.map(([old]) => old)].some((text) => count(file, text) !== 1));
}

/** Copies the sources and plants every mutant. */
function writeSources(folder) {
  rmSync(folder, { recursive: true, force: true });
  for (const name of COPIED) {
    const filter = (path) => !LEFT_OUT.test(relative(ROOT, path));
    cpSync(join(ROOT, name), join(folder, name), { recursive: true, filter, preserveTimestamps: true });
  }
  HOST.forEach(({ file, from, to, also = [] }, index) => {
    const off = `std::env::var_os("PARTYKIT_MUTANT").is_some_and(|name| name == "${index}")`;
    for (const [old, changed] of [[from, to], ...also]) {
      replace(join(folder, "host", file), old, changed.replaceAll(/\bOFF\b/g, off));
    }
  });
  // Packages of another version and a program of another name: the folder of what is built can be
  // shared, so that nothing but these packages is compiled again.
  const [version, changed] = [/^version = "([^"]+)"$/m, `version = "$1-mutants"`];
  replace(join(folder, "Cargo.toml"), version, changed);
  replace(join(folder, "Cargo.lock"), /(name = "partykit[^"]*"\nversion = "[^"]+)"/g, `$1-mutants"`);
  replace(join(folder, "Cargo.lock"), /(name = "roomload"\nversion = "[^"]+)"/g, `$1-mutants"`);
  const program = `autobins = false\n\n[[bin]]\nname = "partykit-mutants"\npath = "src/main.rs"\n`;
  replace(join(folder, "cli/Cargo.toml"), "publish.workspace = true\n", `publish.workspace = true\n${program}`);
}

function replace(path, old, changed) {
  const text = readFileSync(path, "utf8");
  if (typeof old === "string" && text.split(old).length !== 2) {
    throw new Error(`${path} has not exactly one: ${old}`);
  }
  const written = text.replace(old, typeof old === "string" ? () => changed : changed);
  if (written === text) throw new Error(`${path} has no ${old}`);
  writeFileSync(path, written);
}

if (process.argv[1] && resolve(process.argv[1]) === import.meta.filename) {
  writeSources(resolve(process.argv[2]));
}
