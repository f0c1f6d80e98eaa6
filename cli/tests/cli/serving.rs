//! A `dev` that serves: its address, its port, its variables, its end.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use crate::harness::{Project, Running};

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
    let config = "{main: 'src/server.ts', persist: false, serve: {path: 'public', build: 'c.ts'},
                   parties: {other: 'src/server.ts'}}";
    let project = project(config);
    let mut running = Running::start(project.command(&["dev", "--port", "0", "-q"]));
    assert_eq!(
        running.errors(),
        "warning: partykit.json: no effect yet: serve.build, parties\n\
         warning: the folder public of \"serve\" does not exist"
    );
}
