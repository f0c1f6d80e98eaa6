//! `partykit storage export` and `import`: rooms that write and read, with a text in between.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::harness::{Ended, Project, Running};

/// `name <tab> expression <tab> bytes`: values of every type.
const VALUES: &str = include_str!("../../../guest-sdk/quickjs/src/tests/values.tsv");

/// A room that stores them, and one that says what differs of what it has stored. Values are told
/// by all that can be seen of them, objects by when they were met first.
fn room() -> String {
    let mut cases = String::new();
    for line in VALUES.lines() {
        let mut fields = line.split('\t');
        let (name, code) = (fields.next().unwrap(), fields.next().unwrap());
        let _ = writeln!(cases, "[{name:?}, () => ({code})],");
    }
    format!(
        "const cases = [\n{cases}];\n{}",
        include_str!("transfer-room.js")
    )
}

/// Keys of two such rooms.
fn of_two_rooms() -> usize {
    2 * VALUES.lines().count()
}

const CONFIG: &str = "{name: 'types', main: 'server.js'}";

fn start(project: &Project, dir: &str) -> Running {
    Running::start(project.command(&["dev", "--port", "0", "--persist", dir]))
}

/// Ends it as people do: what is stored is let go of.
fn stop(mut running: Running) {
    running.signal("TERM");
    assert_eq!(running.exit_code(), Some(0));
}

fn storage(project: &Project, line: &str) -> Ended {
    let arguments: Vec<&str> = ["storage"].into_iter().chain(line.split(' ')).collect();
    project.run(&arguments)
}

/// It says nothing but that.
fn says(ended: &Ended, expected: &str) {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.stderr, "", "{ended:?}");
    assert_eq!(ended.stdout, format!("{expected}\n"), "{ended:?}");
}

#[test]
fn every_type_goes_through_a_text_into_another_store_and_backend_and_reads_the_same() {
    let project = Project::bundled(&[("partykit.json", CONFIG), ("server.js", &room())]);
    let first = start(&project, "first");
    assert_eq!(first.get("/party/one?store"), "stored");
    assert_eq!(first.get("/party/one?compare"), "[]");
    assert_eq!(first.get("/party/tw%6F?store"), "stored");
    assert_eq!(first.get("/party/tw%6F?alarm"), "4102444800000");

    // Beside the host that serves the store.
    let exported = storage(&project, "export all.ndjson --dir first");
    let keys = of_two_rooms();
    let expected = format!("Wrote 2 rooms with {keys} keys and 1 alarms into all.ndjson");
    says(&exported, &expected);
    stop(first);

    let imported = storage(&project, "import all.ndjson --dir second --backend sled");
    let expected = format!("Imported 2 rooms with {keys} keys and 1 alarms into second");
    says(&imported, &expected);
    let again = storage(&project, "export again.ndjson --dir second");
    assert_eq!(again.code, Some(0), "{again:?}");
    let text = |name| fs::read_to_string(project.path(name)).unwrap();
    assert_eq!(text("again.ndjson"), text("all.ndjson"));

    let second = start(&project, "second");
    for name in ["one", "tw%6F"] {
        assert_eq!(second.get(&format!("/party/{name}?compare")), "[]");
    }
    assert_eq!(second.get("/party/tw%6F?when"), "4102444800000");
    assert_eq!(second.get("/party/one?when"), "null");
    // The comparison sees differences.
    assert_eq!(second.get("/party/one?spoil"), "stored");
    let differences = second.get("/party/one?compare");
    assert_eq!(differences, r#"["negative zero","shared","sparse"]"#);
    stop(second);
}

#[test]
fn what_partykit_has_stored_is_imported_by_the_names_of_its_rooms() {
    let config = "{name: 'types', main: 'server.js'}";
    let project = Project::bundled(&[("partykit.json", config), ("server.js", &room())]);
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/partykit-state");
    copy(&recorded, &project.path("old/state"));

    // The folder is where `dev` would keep its own.
    let ended = project.run(&["dev", "--port", "0", "--persist", "old/state", "-q"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(
        ended
            .stderr
            .contains("hint: PartyKit's own dev has stored there"),
        "{ended:?}"
    );

    let nameless = storage(&project, "import old/state --dir new");
    assert_eq!(nameless.code, Some(2), "{nameless:?}");
    let expected =
        "error: PartyKit keeps no names of rooms: 3 rooms are there, none of them named\n";
    assert!(nameless.stderr.starts_with(expected), "{nameless:?}");
    assert!(!project.path("new").exists());

    project.write("names.txt", "ro%20om\n\n  every\nnobody\n");
    let imported = storage(&project, "import old/state --names names.txt --dir new");
    assert_eq!(imported.code, Some(0), "{imported:?}");
    let keys = of_two_rooms();
    let expected = format!("Imported 2 rooms with {keys} keys and 0 alarms into new\n");
    assert_eq!(imported.stdout, expected);
    let forgotten = "708525cf95589d0656a41fd8df288d8ec7412bf7f55a6494984ad96b87823ce0";
    assert_eq!(
        imported.stderr,
        format!(
            "warning: not imported, as no name is known of it: main/{forgotten}\n\
             warning: there is no room called nobody\n"
        )
    );
    let running = start(&project, "new");
    assert_eq!(running.get("/party/every?compare"), "[]");
    stop(running);
    let exported = storage(&project, "export other.ndjson --party other --dir new");
    let keys = keys / 2;
    let expected = format!("Wrote 1 rooms with {keys} keys and 0 alarms into other.ndjson");
    says(&exported, &expected);
    let text = fs::read_to_string(project.path("other.ndjson")).unwrap();
    assert!(
        text.contains(r#"{"room":"ro%20om","party":"other","project":"types"}"#),
        "{text}"
    );

    // Nothing of the folder was touched but what SQLite makes beside a database to read it.
    for file in files(&recorded) {
        let own = project.path("old/state").join(&file);
        assert_eq!(
            fs::read(own).unwrap(),
            fs::read(recorded.join(&file)).unwrap(),
            "{file}"
        );
    }
}

#[test]
fn an_alarm_that_was_imported_waits_for_the_code_of_its_room() {
    let export = r#"{"partykit":"export","version":1}
{"room":"r","party":"main","project":"types","alarm":5}
{"key":"key","value":{"$map":[["a",1]]}}
{"end":"room","keys":1}
{"end":"export","rooms":1,"keys":1}
"#;
    let files = [
        ("partykit.json", CONFIG),
        ("server.js", "("),
        ("r.ndjson", export),
    ];
    let project = Project::bundled(&files);
    let imported = storage(&project, "import r.ndjson --dir store");
    says(
        &imported,
        "Imported 1 rooms with 1 keys and 1 alarms into store",
    );
    let arguments = ["dev", "--port", "0", "--persist", "store"];
    let mut running = Running::launch(project.command(&arguments));
    running.wait_until("Waiting on ");
    project.write("server.js", room());
    running.wait_for("log main/r: rings with Map(1) { 'a' => 1 }");
}

const SMALL: &str = r#"{"partykit":"export","version":1}
{"room":"a","party":"main","project":"p","alarm":4102444800000,"failures":2}
{"key":"1","value":{"$set":[1]}}
{"key":"2","bytes":"AAE="}
{"end":"room","keys":2}

{"room":"b","party":"x","project":"p"}
{"key":"","value":null}
{"end":"room","keys":1}
{"room":"only-alarm","party":"main","project":"q","alarm":5}
{"end":"room","keys":0}
{"end":"export","rooms":3,"keys":3}
"#;

/// The lines of an export without the empty ones, which are read and not written.
fn written(text: &str) -> String {
    text.lines()
        .filter(|line| !line.is_empty())
        .map(|line| format!("{line}\n"))
        .collect()
}

#[test]
fn alarms_and_bytes_that_are_no_values_are_carried_and_rooms_are_chosen() {
    let project = Project::new(&[("small.ndjson", SMALL)]);
    says(
        &storage(&project, "import small.ndjson --dir store"),
        "Imported 3 rooms with 3 keys and 2 alarms into store",
    );
    let export = |line: &str| {
        let ended = storage(&project, &format!("export - --dir store{line}"));
        assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{ended:?}");
        ended.stdout
    };
    assert_eq!(export(""), written(SMALL));
    let one = export(" --project p --party main");
    assert!(
        one.contains("\"a\"") && !one.contains("only-alarm"),
        "{one}"
    );
    let two = export(" --room b --room only-alarm");
    assert!(
        two.ends_with("{\"end\":\"export\",\"rooms\":2,\"keys\":1}\n"),
        "{two}"
    );

    let missing = storage(&project, "export x.ndjson --dir store --room a --room none");
    assert_eq!(missing.code, Some(2), "{missing:?}");
    assert_eq!(missing.stderr, "error: there is no room called none\n");
    assert!(!project.path("x.ndjson").exists());

    // Into another project, and only some.
    let chosen = "import small.ndjson --dir chosen --project other --room b";
    says(
        &storage(&project, chosen),
        "Imported 1 rooms with 1 keys and 0 alarms into chosen",
    );
    let ended = storage(&project, "export - --dir chosen");
    assert!(ended.stdout.contains("\"project\":\"other\""), "{ended:?}");
    let missing = storage(&project, "import small.ndjson --dir none --room none");
    assert_eq!(missing.stderr, "error: there is no room called none\n");
    assert!(!project.path("none").exists());
}

#[test]
fn a_room_that_has_a_part_is_completed_and_one_that_has_something_else_is_left_alone() {
    let project = Project::new(&[("small.ndjson", SMALL)]);
    // As if an import had been interrupted.
    let part = SMALL
        .replace("{\"key\":\"2\",\"bytes\":\"AAE=\"}\n", "")
        .replace(",\"alarm\":4102444800000,\"failures\":2", "")
        .replacen("\"keys\":2", "\"keys\":1", 1)
        .replace("\"rooms\":3,\"keys\":3", "\"rooms\":3,\"keys\":2");
    project.write("part.ndjson", part);
    let export = || storage(&project, "export - --dir store").stdout;
    assert_eq!(
        storage(&project, "import part.ndjson --dir store").code,
        Some(0)
    );
    for _ in 0..2 {
        assert_eq!(
            storage(&project, "import small.ndjson --dir store").code,
            Some(0)
        );
        assert_eq!(export(), written(SMALL));
    }

    for (old, new) in [
        ("{\"$set\":[1]}", "{\"$set\":[2]}"),
        ("\"key\":\"2\"", "\"key\":\"3\""),
        ("\"failures\":2", "\"failures\":3"),
    ] {
        project.write("other.ndjson", SMALL.replace(old, new));
        let ended = storage(&project, "import other.ndjson --dir store");
        assert_eq!(ended.code, Some(2), "{ended:?}");
        let expected =
            "error: the room main/a of the project p has stored something else already\n";
        assert!(ended.stderr.starts_with(expected), "{ended:?}");
        assert!(ended.stderr.contains("hint: --replace"), "{ended:?}");
        assert_eq!(export(), written(SMALL));
    }
    let bare = SMALL.replace("{\"key\":\"1\",\"value\":{\"$set\":[1]}}\n", "");
    let bare = bare.replace(",\"alarm\":4102444800000,\"failures\":2", "");
    let bare = bare
        .replacen("\"keys\":2", "\"keys\":1", 1)
        .replace("3,\"keys\":3", "3,\"keys\":2");
    project.write("bare.ndjson", &bare);
    let ended = storage(&project, "import bare.ndjson --dir store --replace");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(export(), written(&bare));
}

/// What stands there in place of something of SMALL, and the error without its file. `LONG` is a
/// key of 2,049 bytes.
#[rustfmt::skip]
const WRONG: &[(&str, &str, &str)] = &[
    (r#"{"$set":[1]}"#, r#"{"$set":1}"#, "3: it must be a list, not a number (at $set)"),
    (r#""$set":[1]"#, "\"$set\":[\"\u{0}\"]", "3: control character"),
    (r#"{"key":"1""#, r#"{"key":"1"#, "3: expected `,` or `}`, at column 12"),
    (r#"{"key":"1""#, r#"{"kye":"1""#, "3: unknown field `kye`, expected one of"),
    (r#"{"key":"2","bytes":"AAE="}"#, r#"{"key":"0","value":0}"#, "4: keys come in the order"),
    (r#"{"key":"2","bytes":"AAE="}"#, r#"{"key":"1","value":0}"#, "4: keys come in the order"),
    (r#""key":"2""#, r#""key":"LONG""#, "4: the key has 2049 bytes, more than the 2048 allowed"),
    (r#""keys":2"#, r#""keys":3"#, "5: the room has 2 keys, not 3"),
    ("{\"end\":\"room\",\"keys\":2}\n", "", "6: a key, or the end of the room, must come here"),
    (r#""party":"x""#, r#""party":"X""#, "7: the party name `X` may only contain"),
    (r#""room":"b","party":"x""#, r#""room":"a","party":"main""#, "7: the room main/a has come before"),
    (r#"{"room":"only-alarm""#, "{\"key\":\"z\",\"value\":1}\n{\"room\":\"c\"", "10: a room, or the end of the export"),
    (r#""rooms":3"#, r#""rooms":4"#, "12: the export has 3 rooms with 3 keys, not 4 with 3"),
    (r#"{"end":"export","rooms":3,"keys":3}"#, "", "13: the export ends too early"),
    (r#"{"end":"export","rooms":3,"keys":3}"#, "{\"end\":\"export\",\"rooms\":3,\"keys\":3}\n{}", "13: it is no line of an export"),
];

#[test]
fn a_line_that_is_wrong_is_told_with_its_number_and_nothing_is_imported() {
    let project = Project::new(&[]);
    let long = "x".repeat(2049);
    for (old, new, expected) in WRONG {
        assert!(SMALL.contains(old), "{old}");
        project.write(
            "wrong.ndjson",
            SMALL.replacen(old, &new.replace("LONG", &long), 1),
        );
        let ended = storage(&project, "import wrong.ndjson --dir store");
        assert_eq!(ended.code, Some(1), "{new}: {ended:?}");
        let expected = format!("error: wrong.ndjson:{expected}");
        assert!(ended.stderr.starts_with(&expected), "{new}: {ended:?}");
        assert!(
            ended.stderr.ends_with("\n\nhint: nothing was imported\n"),
            "{ended:?}"
        );
        assert!(!project.path("store").exists());
    }
}

#[test]
fn what_is_no_export_is_told_so() {
    let project = Project::new(&[]);
    let changed = SMALL
        .bytes()
        .map(|byte| if byte == b'2' { 0xff } else { byte });
    let newer =
        "error: wrong.ndjson has version 2 of the format, this program knows version 1; use";
    for (text, code, expected) in [
        (
            changed.collect(),
            1,
            "error: wrong.ndjson:2: the line is not UTF-8\n",
        ),
        (
            Vec::new(),
            2,
            "error: wrong.ndjson is no export of a store\n",
        ),
        (
            b"{\"a\":1}".to_vec(),
            2,
            "error: wrong.ndjson is no export of a store\n",
        ),
        (
            b"\xff\x0f".to_vec(),
            2,
            "error: wrong.ndjson is no export of a store\n",
        ),
        (
            b"{\"partykit\":\"export\",\"version\":2}\n".to_vec(),
            1,
            newer,
        ),
    ] {
        project.write("wrong.ndjson", text);
        let ended = storage(&project, "import wrong.ndjson --dir store");
        assert_eq!(ended.code, Some(code), "{ended:?}");
        assert!(ended.stderr.starts_with(expected), "{ended:?}");
    }
    let ended = storage(&project, "import none.ndjson --dir store");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let expected = "error: could not read none.ndjson\n";
    assert!(ended.stderr.starts_with(expected), "{ended:?}");
}

#[test]
fn scripts_hear_what_was_carried_and_what_was_wrong() {
    let project = Project::new(&[("small.ndjson", SMALL)]);
    for (line, expected) in [
        (
            "import small.ndjson --dir store --json",
            r#"{"alarms":2,"event":"imported","keys":3,"rooms":3}"#,
        ),
        (
            "export out.ndjson --dir store --json",
            r#"{"alarms":2,"event":"exported","keys":3,"rooms":3}"#,
        ),
    ] {
        let ended = storage(&project, line);
        assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{ended:?}");
        let told: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
        let expected: serde_json::Value = serde_json::from_str(expected).unwrap();
        assert_eq!(told, expected);
    }
    for (line, code, expected) in [
        (
            "export out.ndjson --dir store --json",
            2,
            "out.ndjson exists already",
        ),
        (
            "export - --dir store --json",
            2,
            "--json and the export would both go to stdout",
        ),
        (
            "export x.ndjson --dir none --json",
            2,
            "there is no store in none",
        ),
        (
            "import out.ndjson --dir store --backend memory --json",
            2,
            "the backend `memory` keeps nothing; use one of: sled, sqlite",
        ),
        (
            "import out.ndjson --dir store --project No --json",
            2,
            "--project: the project name `No` may only contain lower-case letters, digits and hyphens",
        ),
        (
            "import --dir store --json",
            2,
            "the following required arguments were not provided:",
        ),
    ] {
        let ended = storage(&project, line);
        assert_eq!(
            (ended.code, &*ended.stderr),
            (Some(code), ""),
            "{line}: {ended:?}"
        );
        let told: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!(told["event"], "error", "{told}");
        let text = told["text"].as_str().unwrap();
        assert!(text.starts_with(expected), "{line}: {text}");
    }
}

#[test]
fn the_deepest_value_is_carried() {
    let project = Project::new(&[]);
    let deep = format!("{}0{}", "{\"$map\":[[0,".repeat(1000), "]]}".repeat(1000));
    project.write("deep.ndjson", SMALL.replace("{\"$set\":[1]}", &deep));
    let ended = storage(&project, "import deep.ndjson --dir store");
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{ended:?}");
    assert!(
        storage(&project, "export - --dir store")
            .stdout
            .contains(&deep)
    );
    let deeper = format!("{{\"$map\":[[0,{deep}]]}}");
    project.write("deeper.ndjson", SMALL.replace("{\"$set\":[1]}", &deeper));
    let ended = storage(&project, "import deeper.ndjson --dir other");
    let expected = "error: deeper.ndjson:3: the value is nested deeper than 1000\n";
    assert!(ended.stderr.starts_with(expected), "{ended:?}");
}

#[test]
fn a_pipe_is_as_good_as_a_file() {
    let project = Project::new(&[("small.ndjson", SMALL)]);
    let ended = project.shell(
        "partykit storage import - --dir one < small.ndjson && \
         partykit storage export - --dir one | partykit storage import - --dir two",
    );
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{ended:?}");
    assert_eq!(
        storage(&project, "export - --dir two").stdout,
        written(SMALL)
    );
}

/// One room of so many values of 100,000 bytes.
#[cfg(target_os = "linux")]
fn large(values: usize) -> String {
    let value = "v".repeat(100_000);
    let mut text = String::from("{\"partykit\":\"export\",\"version\":1}\n");
    text.push_str("{\"room\":\"large\",\"party\":\"main\",\"project\":\"p\",\"alarm\":9}\n");
    for number in 0..values {
        let _ = writeln!(text, "{{\"key\":\"{number:05}\",\"value\":\"{value}\"}}");
    }
    let _ = writeln!(text, "{{\"end\":\"room\",\"keys\":{values}}}");
    let _ = writeln!(text, "{{\"end\":\"export\",\"rooms\":1,\"keys\":{values}}}");
    text
}

/// The same with a limit of the system.
#[cfg(target_os = "linux")]
fn limited(project: &Project, limit: &str, line: &str) -> Ended {
    let binary = env!("CARGO_BIN_EXE_partykit");
    let line = format!("ulimit {limit}; exec {binary} storage {line}");
    let mut command = Command::new("sh");
    let folder = project.path(".");
    command.args(["-c", &line]).current_dir(folder);
    project.ended(command.stdin(Stdio::null()).output().unwrap())
}

/// Larger than all the memory that either command may use.
#[cfg(target_os = "linux")]
#[test]
fn a_room_may_be_larger_than_memory() {
    let text = large(1500);
    let project = Project::new(&[("large.ndjson", &text)]);
    // In KiB. The stack of a thread and SQLite's pages count, what is read from the disk does not.
    let memory = "-d 120000";
    let imported = limited(&project, memory, "import large.ndjson --dir store");
    says(
        &imported,
        "Imported 1 rooms with 1500 keys and 1 alarms into store",
    );
    let exported = limited(&project, memory, "export again.ndjson --dir store");
    says(
        &exported,
        "Wrote 1 rooms with 1500 keys and 1 alarms into again.ndjson",
    );
    assert!(fs::read_to_string(project.path("again.ndjson")).unwrap() == text);
}

#[cfg(target_os = "linux")]
#[test]
fn an_import_that_was_interrupted_is_completed_by_the_same_one_again() {
    let text = large(400);
    let project = Project::new(&[("large.ndjson", &text)]);
    // In blocks of 512 bytes: no file may become larger, and who tries is ended.
    let ended = limited(&project, "-f 40000", "import large.ndjson --dir store");
    assert_ne!(ended.code, Some(0), "{ended:?}");
    let part = storage(&project, "export - --dir store").stdout;
    let lines = part.lines().count();
    assert!((50..300).contains(&lines), "{lines} of 405 lines");
    // The alarm comes last.
    assert!(!part.contains("alarm"));
    assert_eq!(
        storage(&project, "import large.ndjson --dir store").code,
        Some(0)
    );
    assert!(storage(&project, "export - --dir store").stdout == text);
}

fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        let target = to.join(&file);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(from.join(&file), target).unwrap();
    }
}

fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap();
                found.push(name.to_str().unwrap().to_owned());
            }
        }
    }
    found
}
