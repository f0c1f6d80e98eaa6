//! `partykit storage`: what each command prints and how it exits, and the drill of
//! docs/operations.md, line by line.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;

use crate::harness::{Ended, Project, Running};

const ROOM: &str = "
export default class Room {
  constructor(room) { this.room = room; }
  async onRequest(request) {
    if (request.method === 'POST') await this.room.storage.put('k', await request.text());
    return new Response('k is ' + (await this.room.storage.get('k')) + '.');
  }
}
";

fn project() -> Project {
    Project::bundled(&[
        ("partykit.json", "{main: 'src/server.ts'}"),
        ("src/server.ts", ROOM),
    ])
}

/// Sends a request to one room and returns the whole answer.
fn ask(port: u16, method: &str, body: &str) -> String {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    let len = body.len();
    let request = format!(
        "{method} /party/r HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         content-length: {len}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn stop(mut host: Running) {
    host.signal("TERM");
    assert_eq!(host.exit_code(), Some(0));
}

/// A store in `state` with one value.
fn stored(project: &Project, backend: &str) {
    let mut command = project.command(&["dev", "--persist", "state", "--port", "0"]);
    command.env("PARTYKIT_HOST_STORAGE", backend);
    let host = Running::start(command);
    let answer = ask(host.port, "POST", "kept");
    assert!(answer.ends_with("k is kept."), "{answer}");
    stop(host);
}

fn is(ended: &Ended, code: i32, stdout: &str, stderr: &str) {
    let found = (ended.code, ended.stdout.as_str(), ended.stderr.as_str());
    assert_eq!(found, (Some(code), stdout, stderr));
}

/// A step of the drill: whether the host is stopped before it, and its lines.
struct Step {
    stops: bool,
    lines: String,
}

fn drill() -> Vec<Step> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operations.md");
    let page = fs::read_to_string(page).unwrap();
    let section = page.split("\n## The drill\n").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let mut steps = Vec::new();
    let mut parts = section.split("```");
    while let (Some(text), Some(code)) = (parts.next(), parts.next()) {
        steps.push(Step {
            stops: text.contains("Stop the host"),
            lines: code.strip_prefix("sh\n").unwrap().to_owned(),
        });
    }
    steps
}

#[test]
fn the_drill_of_the_operations_page_works_line_by_line() {
    let project = project();
    let mut host: Option<Running> = None;
    let (mut starts, mut shown) = (0, String::new());
    let steps = drill();
    assert_eq!(steps.len(), 5, "the steps of the page");
    for step in steps {
        if step.stops {
            stop(host.take().unwrap());
        }
        for line in step
            .lines
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
        {
            if line.starts_with("partykit dev ") {
                let words: Vec<&str> = line.split(' ').skip(1).collect();
                let started = Running::start(project.command(&words));
                starts += 1;
                if starts == 1 {
                    ask(started.port, "POST", "stored before");
                }
                host = Some(started);
                continue;
            }
            let ended = project.shell(line);
            assert_eq!(ended.code, Some(0), "{line}: {ended:?}");
            shown += &ended.stdout;
        }
        if starts == 1 && shown.contains("Wrote") {
            // What comes after the backup is what is lost with the store.
            if let Some(host) = &host {
                ask(host.port, "POST", "stored after");
            }
        }
    }
    let host = host.unwrap();
    assert_eq!(starts, 2);
    let answer = ask(host.port, "GET", "");
    assert!(answer.ends_with("k is stored before."), "{answer}");
    stop(host);
    for expected in [
        "Wrote 1 rooms with 1 keys and 0 alarms into rooms.backup",
        "No damage in 1 rooms with 1 keys and 0 alarms",
        "backend  sqlite",
        "Restored 1 rooms with 1 keys and 0 alarms into state (sqlite)",
    ] {
        assert!(shown.contains(expected), "{expected} is missing: {shown}");
    }
}

#[test]
fn a_store_keeps_its_backend_and_can_be_moved_to_another() {
    let project = project();
    stored(&project, "sled");
    let ended = project.run(&["storage", "stats", "--dir", "state"]);
    assert!(ended.stdout.starts_with("backend  sled\n"), "{ended:?}");
    assert!(
        ended.stdout.contains("unused   not known to sled"),
        "{ended:?}"
    );
    // Nobody says which: the one that is there.
    let host = Running::start(project.command(&["dev", "--persist", "state", "--port", "0"]));
    assert!(ask(host.port, "GET", "").ends_with("k is kept."));
    stop(host);

    let ended = project.run(&["storage", "compact", "--dir", "state"]);
    is(
        &ended,
        1,
        "",
        "error: the sled backend cannot make its files smaller\n\n\
         hint: back the store up and restore it into a new directory\n",
    );
    let backup = ["storage", "backup", "b", "--dir", "state"];
    assert_eq!(project.run(&backup).code, Some(0));
    let restore = [
        "storage",
        "restore",
        "b",
        "--dir",
        "new",
        "--backend",
        "sqlite",
    ];
    is(
        &project.run(&restore),
        0,
        "Restored 1 rooms with 1 keys and 0 alarms into new (sqlite)\n",
        "",
    );
    let ended = project.run(&["storage", "compact", "--dir", "new"]);
    assert!(
        ended.stdout.starts_with("From ") && ended.code == Some(0),
        "{ended:?}"
    );
    let host = Running::start(project.command(&["dev", "--persist", "new", "--port", "0"]));
    assert!(ask(host.port, "GET", "").ends_with("k is kept."));
    stop(host);

    let mut wrong = project.command(&["dev", "--persist", "new", "--port", "0", "-q"]);
    wrong.env("PARTYKIT_HOST_STORAGE", "sled");
    let ended = project.ended(wrong.output().unwrap());
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(
        ended
            .stderr
            .contains("belongs to the backend `sqlite`, not to `sled`"),
        "{ended:?}"
    );
    wrong.env("PARTYKIT_HOST_STORAGE", "etcd");
    let ended = project.ended(wrong.output().unwrap());
    is(
        &ended,
        2,
        "",
        "error: there is no storage backend `etcd`; use one of: memory, sled, sqlite\n\n\
         hint: the name comes from --backend or from PARTYKIT_HOST_STORAGE\n",
    );
}

#[test]
fn a_store_in_use_says_who_has_it_and_what_can_be_done_meanwhile() {
    let project = project();
    let host = Running::start(project.command(&["dev", "--persist", "state", "--port", "0"]));
    ask(host.port, "POST", "1");
    let ended = project.run(&["storage", "compact", "--dir", "state"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.stderr.contains("in use by another process (process "),
        "{ended:?}"
    );
    assert!(
        ended
            .stderr
            .contains("\n\nhint: a host serves it: stop that first"),
        "{ended:?}"
    );
    assert_eq!(
        project.run(&["storage", "stats", "--dir", "state"]).code,
        Some(0)
    );
    stop(host);
}

#[test]
fn a_store_is_restored_into_the_folder_one_stands_in() {
    let project = project();
    stored(&project, "sqlite");
    let backup = ["storage", "backup", "b", "--dir", "state"];
    assert_eq!(project.run(&backup).code, Some(0));
    fs::create_dir(project.path("empty")).unwrap();
    let mut command = project.command(&["storage", "restore", "../b", "--dir", "."]);
    command.current_dir(project.path("empty"));
    let ended = project.ended(command.output().unwrap());
    let told = "Restored 1 rooms with 1 keys and 0 alarms into . (sqlite)\n";
    is(&ended, 0, told, "");
    let host = Running::start(project.command(&["dev", "--persist", "empty", "--port", "0"]));
    assert!(ask(host.port, "GET", "").ends_with("k is kept."));
    stop(host);

    // Not empty any more: nothing is touched, and nothing left beside it.
    let before = fs::read_dir(project.path(".")).unwrap().count();
    let restore = ["storage", "restore", "b", "--dir", "empty"];
    let ended = project.run(&restore);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(
        ended.stderr.contains("empty is not empty; restore into"),
        "{ended:?}"
    );
    fs::write(
        project.path("damaged"),
        &fs::read(project.path("b")).unwrap()[..60],
    )
    .unwrap();
    let ended = project.run(&["storage", "restore", "damaged", "--dir", "new"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("its end is missing"), "{ended:?}");
    let after = fs::read_dir(project.path(".")).unwrap().count();
    assert_eq!(after, before + 1, "the damaged backup alone");
    let ended = project.run(&["storage", "check", "--dir", "empty"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[test]
fn a_restoration_that_was_interrupted_is_told_and_begun_again() {
    let project = project();
    stored(&project, "sqlite");
    let backup = ["storage", "backup", "b", "--dir", "state"];
    assert_eq!(project.run(&backup).code, Some(0));
    fs::create_dir_all(project.path("new/restoring/sqlite")).unwrap();
    let ended = project.run(&["dev", "--persist", "new", "--port", "0", "-q"]);
    assert!(
        ended.stderr.contains("restoring a store into") && ended.code != Some(0),
        "{ended:?}"
    );
    let ended = project.run(&["storage", "restore", "b", "--dir", "new"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let ended = project.run(&["storage", "check", "--dir", "new"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[test]
fn damage_is_told_with_code_1_and_a_hint_to_the_backup() {
    let project = project();
    stored(&project, "sqlite");
    let file = project.path("state/sqlite/store.db");
    let mut bytes = fs::read(&file).unwrap();
    let at = bytes.windows(4).position(|bytes| bytes == b"kept").unwrap();
    bytes[at] ^= 1;
    fs::write(&file, bytes).unwrap();
    let ended = project.run(&["storage", "check", "--dir", "state"]);
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (Some(1), ""),
        "{ended:?}"
    );
    assert!(
        ended.stderr.contains("does not fit its checksum"),
        "{ended:?}"
    );
    assert!(
        ended
            .stderr
            .contains("error: the store in state is damaged: 1 problems"),
        "{ended:?}"
    );
    assert!(
        ended.stderr.contains("partykit storage restore FILE"),
        "{ended:?}"
    );
}

#[test]
fn mistakes_are_told_with_code_2_and_what_to_do() {
    let project = Project::new(&[("file", "no backup"), ("full/file", "")]);
    for (arguments, expected) in [
        (
            &["storage", "check"][..],
            "error: there is no store in .partykit/state\n\nhint: name its directory with --dir; \
             partykit dev keeps it in .partykit/state beside the configuration\n",
        ),
        (
            &["storage", "restore", "file", "--dir", "new"],
            "error: file is no backup of a store\n",
        ),
        (
            &["storage", "restore", "nowhere", "--dir", "new"],
            "error: there is no backup nowhere\n",
        ),
        (
            &[
                "storage",
                "restore",
                "file",
                "--dir",
                "new",
                "--backend",
                "memory",
            ],
            "error: the backend `memory` keeps nothing; use one of: sled, sqlite\n",
        ),
        (
            &[
                "storage",
                "restore",
                "file",
                "--dir",
                "new",
                "--backend",
                "etcd",
            ],
            "error: there is no storage backend `etcd`; use one of: memory, sled, sqlite\n\n\
             hint: the name comes from --backend or from PARTYKIT_HOST_STORAGE\n",
        ),
        (
            &["storage", "backup", "no/such/b", "--dir", "full"],
            "error: there is no folder no/such\n",
        ),
    ] {
        is(&project.run(arguments), 2, "", expected);
    }
    assert!(!project.path(".partykit").exists() && !project.path("new").exists());
    // A file where a directory should be.
    for command in ["check", "stats", "compact"] {
        let ended = project.run(&["storage", command, "--dir", "file"]);
        assert_eq!(ended.code, Some(2), "{command}: {ended:?}");
        assert!(ended.stderr.contains("in file: "), "{ended:?}");
    }
    let help = project.run(&["storage"]);
    assert_eq!(help.code, Some(2));
    assert!(
        help.stderr.contains("Usage: partykit storage <COMMAND>"),
        "{help:?}"
    );
    for command in ["check", "stats", "compact", "backup", "restore"] {
        let help = project.run(&["storage", command, "--help"]);
        assert_eq!(help.code, Some(0), "{help:?}");
        assert!(
            help.stdout.contains("Examples:\n  partykit storage "),
            "{help:?}"
        );
    }
}
