//! A `dev` that serves: its address, its port, its variables, its end.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use crate::harness::{Project, Running};
#[cfg(unix)]
use crate::harness::{eventually, kill, runs};

const ROOM: &str = "
export default class Room {
  constructor(room) { this.room = room; }
  onRequest(request) {
    console.log(\"asked\");
    return Response.json({
      env: this.room.env,
      process: process.env,
      mode: process.env.NODE_ENV,
      host: PARTYKIT_HOST,
      constant: typeof DEBUG === \"undefined\" ? null : DEBUG,
    });
  }
}
";

fn project(config: &str) -> Project {
    Project::bundled(&[("partykit.json", config), ("src/server.ts", ROOM)])
}

/// The body of an answer, and the whole answer for a message.
fn get(port: u16, path: &str) -> (serde_json::Value, String) {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let start = answer.find('{').unwrap_or(answer.len());
    let end = answer.rfind('}').map_or(start, |end| end + 1);
    let body = serde_json::from_str(&answer[start..end]).unwrap_or_default();
    (body, answer)
}

#[test]
fn the_first_line_that_says_ready_has_the_address() {
    let project = project("{main: 'src/server.ts', persist: false}");
    let running = Running::start(project.command(&["dev", "--port", "0"]));
    let ready = running.seen.last().unwrap();
    assert_eq!(
        *ready,
        format!("Ready on http://localhost:{}", running.port)
    );
    let earlier = &running.seen[..running.seen.len() - 1];
    assert!(
        !earlier
            .iter()
            .any(|line| line.to_lowercase().contains("ready")),
        "{earlier:?}"
    );
    assert_eq!(earlier[0], concat!("partykit ", env!("CARGO_PKG_VERSION")));
    let built = earlier
        .iter()
        .find(|line| line.starts_with("Built src/server.ts: "));
    assert!(built.is_some(), "{earlier:?}");
}

#[test]
fn quiet_leaves_the_address_alone() {
    let project = project("{main: 'src/server.ts', persist: false}");
    // The first start fills the caches, which may take long enough to be explained.
    drop(Running::start(project.command(&["dev", "--port", "0"])));
    let running = Running::start(project.command(&["dev", "--port", "0", "--quiet"]));
    assert_eq!(running.seen.len(), 1, "{:?}", running.seen);
}

#[test]
fn a_room_sees_its_variables_and_constants() {
    let project = project(
        "{main: 'src/server.ts', persist: false, define: {DEBUG: '[1]'},
          vars: {FILE: {deep: 1}, DOT: 'file', LINE: 'file'}}",
    );
    project.write(".env", "DOT=dot\nLINE=dot\nPRICE=$5\n");
    project.write(".env.local", "LOCAL=local\n");
    let arguments = ["dev", "--port", "0", "--var", "LINE=line", "NEW=a=b"];
    let mut running = Running::start(project.command(&arguments));
    let (body, answer) = get(running.port, "/party/r");
    let vars = serde_json::json!({
        "FILE": {"deep": 1}, "DOT": "dot", "LINE": "line", "NEW": "a=b", "LOCAL": "local",
        "PRICE": "$5",
    });
    assert_eq!(body["env"], vars, "{answer}");
    let mut strings = vars;
    strings["FILE"] = "{\"deep\":1}".into();
    assert_eq!(body["process"], strings, "{answer}");
    assert_eq!(body["mode"], "development", "{answer}");
    assert_eq!(
        body["host"],
        format!("127.0.0.1:{}", running.port),
        "{answer}"
    );
    assert_eq!(body["constant"], serde_json::json!([1]), "{answer}");

    assert_eq!(running.wait_for("asked"), "log main/r: asked");
    let line = running.wait_for("GET /party/r");
    assert!(line.starts_with("GET /party/r 200 ("), "{line}");
}

#[test]
fn both_meanings_of_localhost_are_served() {
    let project = project("{main: 'src/server.ts', persist: false}");
    let running = Running::start(project.command(&["dev", "--port", "0", "-q"]));
    if TcpListener::bind("[::1]:0").is_ok() {
        TcpStream::connect(("::1", running.port)).unwrap();
    }
    TcpStream::connect((Ipv4Addr::LOCALHOST, running.port)).unwrap();
}

#[test]
fn a_port_that_was_asked_for_and_is_taken_is_one_clear_error() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    for (config, arguments) in [
        (
            "{main: 'src/server.ts', persist: false}",
            vec!["--port".to_owned(), port.to_string()],
        ),
        (
            &*format!("{{main: 'src/server.ts', persist: false, port: {port}}}"),
            vec![],
        ),
    ] {
        let project = project(config);
        let mut command = project.command(&["dev", "-q"]);
        let ended = project.ended(command.args(arguments).output().unwrap());
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert_eq!(
            ended.stderr,
            format!(
                "error: port {port} is taken\n\n\
                 hint: --port N takes another one, --port 0 any free one\n"
            )
        );
    }
}

#[test]
fn a_usual_port_that_is_taken_is_replaced_by_a_free_one() {
    // Whether it succeeds or somebody else has it: it is taken.
    let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 1999));
    let project = project("{main: 'src/server.ts', persist: false}");
    let mut running = Running::start(project.command(&["dev"]));
    assert_ne!(running.port, 1999);
    let (body, answer) = get(running.port, "/party/r");
    assert_eq!(
        body["host"],
        format!("127.0.0.1:{}", running.port),
        "{answer}"
    );
    let said = running.errors();
    let expected = format!(
        "warning: port 1999 is taken, using {} instead",
        running.port
    );
    assert!(said.contains(&expected), "{said}");
}

#[cfg(unix)]
#[test]
fn signals_end_it_with_code_0() {
    for signal in ["TERM", "INT", "HUP"] {
        let project = project("{main: 'src/server.ts', persist: false}");
        let mut running = Running::start(project.command(&["dev", "--port", "0"]));
        running.signal(signal);
        running.wait_for("Stopping");
        assert_eq!(running.exit_code(), Some(0), "{signal}");
    }
}

#[test]
fn keys_without_effect_and_a_missing_folder_are_warned_of() {
    let config = "{main: 'src/server.ts', persist: false, serve: 'public',
                   parties: {other: 'src/server.ts'}}";
    let project = project(config);
    let mut running = Running::start(project.command(&["dev", "--port", "0", "-q"]));
    assert_eq!(
        running.errors(),
        "warning: partykit.json: no effect: parties\n\
         warning: the folder public of \"serve\" does not exist"
    );
}

#[test]
fn code_that_throws_while_it_is_loaded_at_the_start_is_told_once_with_its_line() {
    let room = "const none: any = undefined;\nexport default class {}\nnone.x;\n";
    let project = Project::bundled(&[("server.ts", room)]);
    let arguments = ["dev", "server.ts", "--port", "0", "--persist", "false"];
    let mut running = Running::launch(project.command(&arguments));
    running.wait_until("Waiting on ");
    for _ in 0..2 {
        let (_, answer) = get(running.port, "/party/r");
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        running.wait_for("GET /party/r 503 (");
    }
    let said = running.errors();
    let expected = "\nerror: the code could not be loaded\n\n\
        TypeError: cannot read property 'x' of undefined\n    \
        at <anonymous> (server.ts:3:1)\n\n    \
        3 \u{2502} none.x;\n      \u{2575} ^\n\n\
        Rooms are not served before it is mended.";
    assert_eq!(said, expected);
}

#[test]
fn an_exception_is_told_with_the_places_of_the_source() {
    let project = Project::bundled(&[
        (
            "src/server.ts",
            "import { fail } from './fail';\nexport default { onRequest: fail };\n",
        ),
        (
            "src/fail.ts",
            "interface Nothing {}\nexport function fail(): Nothing {\n  throw new Error('on purpose');\n}\n",
        ),
    ]);
    let arguments = ["dev", "src/server.ts", "--port", "0", "--persist", "false"];
    let mut running = Running::start(project.command(&arguments));
    let (_, answer) = get(running.port, "/party/r");
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    running.wait_for("GET /party/r");
    let said = running.errors();
    assert_eq!(said.matches("Error: on purpose").count(), 1, "{said}");
    assert!(said.contains("src/fail.ts:3:"), "{said}");
    assert!(!said.contains("bundle.js"), "{said}");
}

#[test]
fn a_second_dev_on_the_same_storage_is_refused_with_the_reason() {
    let project = project("{main: 'src/server.ts'}");
    let running = Running::start(project.command(&["dev", "--port", "0"]));
    let ended = project.run(&["dev", "--port", "0"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.stderr.starts_with("error: the store in "),
        "{ended:?}"
    );
    assert!(
        ended.stderr.contains(".partykit/state is in use"),
        "{ended:?}"
    );
    assert!(ended.stderr.contains("hint: a host serves it"), "{ended:?}");
    assert!(!ended.stdout.contains("Ready"), "{ended:?}");
    TcpStream::connect((Ipv4Addr::LOCALHOST, running.port)).unwrap();
}

#[test]
fn a_store_that_cannot_be_used_as_configured_ends_it_with_code_2() {
    let project = project("{main: 'src/server.ts', persist: 'kept'}");
    project.write("kept/notes.txt", "mine");
    let ended = project.run(&["dev", "--port", "0", "-q"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(
        ended
            .stderr
            .starts_with("error: kept has files but holds no store"),
        "{ended:?}"
    );

    drop(Running::start(project.command(&[
        "dev",
        "--port",
        "0",
        "--persist",
        "made",
    ])));
    let mut command = project.command(&["dev", "--port", "0", "--persist", "made", "-q"]);
    let output = command.env("PARTYKIT_HOST_STORAGE", "sled").output();
    let ended = project.ended(output.unwrap());
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let expected = "error: the store in made belongs to the backend `sqlite`, not to `sled`";
    assert!(ended.stderr.starts_with(expected), "{ended:?}");
}

#[cfg(unix)]
#[test]
fn a_signal_while_it_starts_ends_it_and_what_it_runs() {
    use std::os::unix::fs::PermissionsExt;

    let project = Project::new(&[("server.js", "export default {};\n")]);
    // Says who it is and never ends, as a bundler that hangs.
    project.write("hanging", "#!/bin/sh\necho $$ > started\nexec sleep 600\n");
    let hanging = project.path("hanging");
    std::fs::set_permissions(&hanging, PermissionsExt::from_mode(0o755)).unwrap();
    let mut command = project.command(&["dev", "server.js", "--port", "0"]);
    let mut child = command.env("PARTYKIT_ESBUILD", &hanging).spawn().unwrap();
    let hung = eventually(|| {
        let pid = std::fs::read_to_string(project.path("started")).ok()?;
        pid.trim().parse::<u32>().ok()
    });
    kill("TERM", child.id());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    eventually(|| (!runs(hung)).then_some(()));
}

#[test]
fn a_limit_in_the_environment_is_checked_before_anything_is_served() {
    let project = Project::bundled(&[
        (
            "partykit.json",
            r#"{ "name": "limits", "main": "room.js" }"#,
        ),
        ("room.js", "export default {}"),
    ]);
    let wrong = [
        ("PARTYKIT_HOST_NO_SUCH", "1", "there is no limit `no_such`"),
        (
            "PARTYKIT_HOST_ROOMS_MAX",
            "many",
            "must be a whole number above 0",
        ),
    ];
    for (variable, value, says) in wrong {
        let mut command = project.command(&["dev", "--port", "0"]);
        let ended = project.ended(command.env(variable, value).output().unwrap());
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(
            ended.stderr.contains(variable) && ended.stderr.contains(says),
            "{}",
            ended.stderr
        );
    }
}

/// A client that trusts what it is shown.
fn over_tls(port: u16, path: &str) -> Option<String> {
    let url = format!("https://localhost:{port}{path}");
    let mut curl = std::process::Command::new("curl");
    let output = curl.args(["--insecure", "--silent", &url]).output().ok()?;
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn https_is_served_with_a_certificate_of_its_own_or_the_one_that_is_given() {
    let room = "export default { onRequest: (request) => new Response(request.url) };\n";
    let project = Project::bundled(&[("server.js", room)]);
    let arguments = [
        "dev",
        "server.js",
        "--port",
        "0",
        "--persist",
        "false",
        "--https",
    ];
    let mut running = Running::start(project.command(&arguments));
    let ready = running.seen.last().unwrap();
    assert!(ready.starts_with("Ready on https://localhost:"), "{ready}");
    let Some(answer) = over_tls(running.port, "/party/r") else {
        eprintln!("no curl here: HTTPS was not asked");
        return;
    };
    assert_eq!(
        answer,
        format!("https://localhost:{}/party/r", running.port)
    );
    assert_eq!(running.wait_for("GET").split(' ').nth(2), Some("200"));

    // The one of our own, given by its name.
    let own = crate::harness::cache().join("https.pem");
    let own = own.to_str().unwrap();
    let given = ["--https-cert-path", own, "--https-key-path", own];
    let arguments = [&arguments[..6], &given[..]].concat();
    let running = Running::start(project.command(&arguments));
    assert_eq!(
        over_tls(running.port, "/party/r").unwrap(),
        format!("https://localhost:{}/party/r", running.port)
    );

    project.write("wrong.pem", "nothing");
    for (file, expected) in [
        ("none.pem", "error: none.pem cannot be read\n"),
        (
            "wrong.pem",
            "error: the host could not be started\n  because: HTTPS cannot be served\n  \
             because: the certificate cannot be read\n",
        ),
    ] {
        let mut arguments = arguments[..6].to_vec();
        arguments.extend(["--https-cert-path", file, "--https-key-path", own]);
        let ended = project.run(&arguments);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.starts_with(expected), "{ended:?}");
    }
}

#[test]
fn console_reads_as_nodes_with_the_level_and_the_room_in_front() {
    let room = r#"
export default class {
  onRequest() {
    console.log("%s has %d of %o", "Ada", 2, [1]);
    console.group("group");
    console.info({ deep: { deeper: { deepest: {} } }, list: [1, "two"] });
    console.groupEnd();
    console.table([{ a: 1 }, { a: 2 }]);
    console.count("n"); console.count("n");
    console.warn(new Map([["k", 1]]));
    console.debug("quiet");
    return new Response("");
  }
}
"#;
    let project = Project::bundled(&[("server.js", room)]);
    let arguments = ["dev", "server.js", "--port", "0", "--persist", "false"];
    let mut running = Running::start(project.command(&arguments));
    running.get("/party/r");
    let from = running.seen.len();
    running.wait_for("GET /party/r");
    let seen = &running.seen[from..running.seen.len() - 1];
    assert_eq!(
        seen,
        [
            "log main/r: Ada has 2 of [ 1 ]",
            "log main/r: group",
            "info main/r:   { deep: { deeper: { deepest: {} } }, list: [ 1, 'two' ] }",
            "log main/r: ┌─────────┬───┐",
            "  │ (index) │ a │",
            "  ├─────────┼───┤",
            "  │ 0       │ 1 │",
            "  │ 1       │ 2 │",
            "  └─────────┴───┘",
            "log main/r: n: 1",
            "log main/r: n: 2",
            "debug main/r: quiet",
        ]
    );
    assert_eq!(
        running.wait_for_error("warn"),
        "warn main/r: Map(1) { 'k' => 1 }"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn keys_of_a_terminal_do_what_the_line_below_the_address_says() {
    let room = "export default { onRequest: () => new Response('one') };\n";
    let project = Project::bundled(&[("server.js", room)]);
    let arguments = "dev server.js --port 0 --persist false --verbose";
    let mut running = Running::start(project.in_a_terminal(arguments));
    let keys = running.wait_for("open a browser");
    assert_eq!(
        keys.trim(),
        "b open a browser   c clear   r bundle again   x exit"
    );
    running.press("r");
    running.wait_for("Bundling again");
    running.wait_for("The bundle is the same as before");
    running.press("?c");
    running.wait_for("\u{1b}[2J");
    running.press("X");
    running.wait_for("Stopping");
    assert_eq!(running.exit_code(), Some(0));

    // Stopped and continued by a shell, which has the terminal meanwhile.
    let mut running = Running::launch(project.in_a_terminal_with("bash --norc --noprofile -i"));
    running.press(&format!("partykit {arguments}\n"));
    running.wait_for("open a browser");
    running.press("\u{1a}");
    running.wait_for("Stopped");
    running.press("fg; echo over\n");
    running.wait_for(&format!("partykit {arguments}"));
    running.press("x");
    running.wait_for("Stopping");
    running.wait_for("over");
    running.press("exit 7\n");
    assert_eq!(running.exit_code(), Some(7));

    // A pipe has no keys, and neither has who does not want any.
    let arguments = "dev server.js --port 0 --persist false --no-hotkeys";
    let mut running = Running::start(project.in_a_terminal(arguments));
    running.get("/party/r");
    running.wait_for("GET /party/r");
    let seen = running.seen.join("\n");
    assert!(!seen.contains("open a browser"), "{seen}");
}
