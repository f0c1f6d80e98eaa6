//! A `dev` whose files change while it serves.

use crate::harness::{Project, Running};
#[cfg(target_os = "linux")]
use crate::harness::{eventually, kill, runs};

const CONFIG: &str = "{main: 'src/server.ts', persist: false}";

fn room(answer: &str) -> String {
    format!(
        "export default class Room {{
  constructor(readonly room: any) {{}}
  async onRequest(request: Request) {{
    const count = 1 + ((await this.room.storage.get('count')) ?? 0);
    await this.room.storage.put('count', count);
    return new Response(`{answer} ${{count}}`);
  }}
}}
"
    )
}

fn project(config: &str) -> Project {
    Project::bundled(&[("partykit.json", config), ("src/server.ts", &room("one"))])
}

fn start(project: &Project) -> Running {
    Running::start(project.command(&["dev", "--port", "0"]))
}

#[test]
fn saved_code_is_served_at_once_and_finds_what_was_stored() {
    let project = project(CONFIG);
    let mut running = start(&project);
    assert_eq!(running.get("/party/r"), "one 1");
    project.write("src/server.ts", room("two"));
    let line = running.wait_for("Reloaded");
    assert!(line.starts_with("Reloaded src/server.ts: "), "{line}");
    assert_eq!(running.get("/party/r"), "two 2");
}

#[test]
fn what_saved_code_writes_while_it_is_evaluated_is_shown_once() {
    let project = project(CONFIG);
    let mut running = start(&project);
    assert_eq!(running.get("/party/r"), "one 1");
    let loud = format!("console.log('evaluated anew');\n{}", room("two"));
    project.write("src/server.ts", loud);
    running.wait_for("evaluated anew");
    running.wait_for("Reloaded");
    assert_eq!(running.get("/party/r"), "two 2");
    assert_eq!(running.get("/party/other"), "two 1");
    project.write("src/server.ts", room("three"));
    running.wait_for("Reloaded");
    let shown = running
        .seen
        .iter()
        .filter(|line| line.contains("evaluated anew"));
    assert_eq!(shown.count(), 1, "{:?}", running.seen);
}

#[test]
fn a_file_that_is_imported_is_watched_wherever_it_lies() {
    let project = project(CONFIG);
    project.write("server/party/deep.ts", "export const word = 'deep';\n");
    project.write("node_modules/lib/package.json", "{\"main\": \"i.js\"}");
    project.write("node_modules/lib/i.js", "export const lib = 'lib';\n");
    let main = "import { word } from '../server/party/deep';\nimport { lib } from 'lib';\n\
                export default { onRequest: () => new Response(word + lib) };\n";
    project.write("src/server.ts", main);
    let mut running = start(&project);
    assert_eq!(running.get("/party/r"), "deeplib");
    project.write("server/party/deep.ts", "export const word = 'changed';\n");
    running.wait_for("Reloaded");
    assert_eq!(running.get("/party/r"), "changedlib");
    project.write("node_modules/lib/i.js", "export const lib = 'patched';\n");
    running.wait_for("Reloaded");
    assert_eq!(running.get("/party/r"), "changedpatched");
}

#[test]
fn code_that_cannot_be_bundled_is_shown_and_the_last_good_code_goes_on() {
    let project = project(CONFIG);
    let mut running = start(&project);
    let broken = room("two").replace("const count =", "const count ==");
    project.write("src/server.ts", broken);
    running.wait_for_error("error: the code could not be bundled");
    let place = running.wait_for_error("src/server.ts:4:");
    assert!(place.contains("src/server.ts:4:16:"), "{place}");
    running.wait_for_error("4 │     const count == 1");
    running.wait_for_error("The last good code goes on running.");
    assert_eq!(running.get("/party/r"), "one 1");
    project.write("src/server.ts", room("three"));
    running.wait_for("Reloaded");
    running.wait_for("Mended");
    assert_eq!(running.get("/party/r"), "three 2");
}

#[test]
fn code_that_throws_while_it_is_loaded_is_shown_with_its_line_and_not_served() {
    let project = project(CONFIG);
    let mut running = start(&project);
    project.write("src/server.ts", format!("{}\nnone.x;\n", room("two")));
    running.wait_for_error("error: the code could not be loaded");
    running.wait_for_error("ReferenceError: none is not defined");
    running.wait_for_error("10 │ none.x;");
    assert_eq!(running.get("/party/r"), "one 1");
    // Back to what it was: nothing to swap, and all is well.
    project.write("src/server.ts", room("one"));
    running.wait_for("Mended");
    assert_eq!(running.get("/party/r"), "one 2");
}

#[test]
fn a_module_that_was_missing_mends_the_build_when_it_comes() {
    let project = project(CONFIG);
    let mut running = start(&project);
    let main = "import { x } from './new/x';\n\
                export default { onRequest: () => new Response(x) };\n";
    project.write("src/server.ts", main);
    running.wait_for_error("Could not resolve \"./new/x\"");
    project.write("src/new/x.ts", "export const x = 'came';\n");
    running.wait_for("Mended");
    assert_eq!(running.get("/party/r"), "came");
}

#[test]
fn variables_and_configuration_are_read_again() {
    let project = project(CONFIG);
    let main = "declare const WORD: string;\nexport default class {\n  constructor(readonly room: any) {}\n  \
                onRequest() { return new Response(`${this.room.env.A} ${WORD}`) }\n}\n";
    project.write("src/server.ts", main);
    let config = |word: &str| {
        format!("{{main: 'src/server.ts', persist: false, define: {{WORD: '\"{word}\"'}}}}")
    };
    project.write("partykit.json", config("one"));
    let mut running = start(&project);
    assert_eq!(running.get("/party/r"), "undefined one");
    project.write(".env", "A=dot\n");
    running.wait_for("Reloaded");
    assert_eq!(running.get("/party/r"), "dot one");
    project.write("partykit.json", config("two"));
    running.wait_for("Reloaded");
    assert_eq!(running.get("/party/r"), "dot two");
    project.write("partykit.json", "{mian: 'src/server.ts'}");
    running.wait_for_error("unknown key \"mian\"");
    assert_eq!(running.get("/party/r"), "dot two");
    project.write("partykit.json", config("two"));
    running.wait_for("Mended");
    project.write(
        "partykit.json",
        config("two").replace("persist: false", "persist: 'kept'"),
    );
    running.wait_for_error("\"persist\" takes effect at the next start");
}

#[test]
fn a_comment_moves_the_places_of_errors_and_ends_no_room() {
    let project = project(CONFIG);
    let main = "export default { onRequest() { throw new Error('on purpose') } };\n";
    project.write("src/server.ts", main);
    let mut running = Running::start(project.command(&["dev", "--port", "0", "--verbose"]));
    running.get("/party/r");
    running.wait_for_error("(src/server.ts:1:");
    project.write("src/server.ts", format!("// one\n// two\n{main}"));
    running.wait_for("The bundle is the same as before");
    running.get("/party/r");
    running.wait_for_error("(src/server.ts:3:");
}

#[test]
fn the_projects_own_command_runs_before_the_build_and_again_for_what_it_reads() {
    let config = "{main: 'gen/server.js', persist: false,
        build: {command: 'mkdir -p gen && sed s/WORD/made/ tpl/server.tpl > gen/server.js',
                watch: 'tpl'}}";
    let template = "export default { onRequest: () => new Response('WORD') };\n";
    let files = [
        ("partykit.json", config),
        ("tpl/server.tpl", template),
        ("gen/server.js", ""),
    ];
    let project = Project::bundled(&files);
    let mut running = start(&project);
    running.wait_earlier("Running mkdir -p gen");
    assert_eq!(running.get("/party/r"), "made");
    project.write("tpl/server.tpl", template.replace("'WORD'", "'WORD again'"));
    running.wait_for("Running mkdir -p gen");
    running.wait_for("Reloaded");
    assert_eq!(running.get("/party/r"), "made again");
}

#[test]
fn a_command_that_fails_is_an_error_and_keeps_the_last_good_code() {
    let config = "{main: 'src/server.ts', persist: false,
        build: {command: 'grep -q two src/server.ts && exit 3; true', watch: 'src'}}";
    let project = project(config);
    let mut running = start(&project);
    project.write("src/server.ts", room("two"));
    running.wait_for_error("error: build.command failed: grep -q two");
    running.wait_for_error("because: it ended with exit status: 3");
    assert_eq!(running.get("/party/r"), "one 1");
    project.write("src/server.ts", room("three"));
    running.wait_for("Mended");
    assert_eq!(running.get("/party/r"), "three 2");

    project.write("src/server.ts", room("two"));
    let mut running = Running::launch(project.command(&["dev", "--port", "0"]));
    running.wait_for_error("error: build.command failed: ");
    running.wait_until("Waiting on ");
    // A command that is changed is run.
    project.write("partykit.json", config.replace("exit 3", "exit 0"));
    running.wait_for("Ready on ");
    assert_eq!(running.get("/party/r"), "two 1");
}

#[test]
fn what_a_tsconfig_says_and_what_it_extends_is_built_again() {
    let project = project(CONFIG);
    project.write(
        "src/server.tsx",
        "export default { onRequest: () => new Response(<b /> as any) };
const one = (name: string) => `one ${name}`;
const two = (name: string) => `two ${name}`;
const three = (name: string) => `three ${name}`;
",
    );
    project.write("partykit.json", CONFIG.replace("server.ts", "server.tsx"));
    let factory = |name: &str| {
        format!("{{\"compilerOptions\": {{\"jsx\": \"react\", \"jsxFactory\": \"{name}\"}}}}")
    };
    project.write("node_modules/@base/ts/tsconfig.json", factory("one"));
    project.write("tsconfig.json", "{\"extends\": \"@base/ts\"}");
    let mut running = start(&project);
    assert_eq!(running.get("/party/r"), "one b");
    project.write("node_modules/@base/ts/tsconfig.json", factory("two"));
    running.wait_for("Reloaded");
    assert_eq!(running.get("/party/r"), "two b");
    project.write("tsconfig.json", factory("three"));
    running.wait_for("Reloaded");
    assert_eq!(running.get("/party/r"), "three b");
    // One that comes, nearer than the other, and changes what esbuild would not look at again.
    project.write(
        "node_modules/auto/jsx-runtime.js",
        "export const jsx = (name) => `auto ${name}`;\n",
    );
    let automatic =
        "{\"compilerOptions\": {\"jsx\": \"react-jsx\", \"jsxImportSource\": \"auto\"}}";
    project.write("src/tsconfig.json", automatic);
    running.wait_for("Reloaded");
    assert_eq!(running.get("/party/r"), "auto b");
    std::fs::remove_file(project.path("src/tsconfig.json")).unwrap();
    running.wait_for("Reloaded");
    assert_eq!(running.get("/party/r"), "three b");
}

#[test]
fn a_package_that_is_installed_mends_the_build() {
    let project = project(CONFIG);
    let mut running = start(&project);
    let main = "import { word } from '@late/lib/deep';\n\
                export default { onRequest: () => new Response(word) };\n";
    project.write("src/server.ts", main);
    running.wait_for_error("Could not resolve \"@late/lib/deep\"");
    project.write(
        "node_modules/@late/lib/package.json",
        "{\"name\": \"@late/lib\"}",
    );
    project.write(
        "node_modules/@late/lib/deep.js",
        "export const word = 'late';\n",
    );
    running.wait_for("Mended");
    assert_eq!(running.get("/party/r"), "late");
}

#[cfg(target_os = "linux")]
#[test]
fn an_esbuild_that_was_killed_loses_no_save() {
    let project = project(CONFIG);
    let mut running = start(&project);
    let tasks = std::fs::read_dir(format!("/proc/{}/task", running.id())).unwrap();
    let children = tasks.map(|task| task.unwrap().path().join("children"));
    let children: String = children
        .map(|file| std::fs::read_to_string(file).unwrap())
        .collect();
    let esbuild: u32 = children.trim().parse().unwrap();
    assert!(kill("KILL", esbuild));
    eventually(|| (!runs(esbuild)).then_some(()));
    project.write("src/server.ts", room("two"));
    running.wait_for("Reloaded");
    assert_eq!(running.get("/party/r"), "two 1");
    assert_eq!(running.errors(), "");
}

#[test]
fn the_client_is_built_with_the_address_of_the_host_and_again_when_it_changes() {
    let config = "{main: 'src/server.ts', persist: false,
        serve: {path: 'public', build: 'client/main.ts'}}";
    let project = project(config);
    project.write("public/index.html", "<script src=/dist/main.js></script>");
    project.write(
        "client/main.ts",
        "declare const PARTYKIT_HOST: string;\nconsole.log('one', PARTYKIT_HOST);\n",
    );
    let mut running = start(&project);
    let built = running.get("/dist/main.js");
    let expected = format!("console.log(\"one\", \"127.0.0.1:{}\")", running.port);
    assert!(built.contains(&expected), "{built}");
    assert!(running.get("/dist/main.js.map").contains("client/main.ts"));
    project.write("client/main.ts", "console.log('two');\n");
    running.wait_for("Reloaded the client");
    assert!(running.get("/dist/main.js").contains("\"two\""));
    assert!(!project.path("public/dist").exists());
    project.write("client/main.ts", "console.log('two'\n");
    running.wait_for_error("client/main.ts:2:0:");
    assert!(running.get("/dist/main.js").contains("\"two\""));
}

/// Durations and sizes differ from run to run, ports too.
fn steady(line: &str) -> String {
    let words = line.split(' ').map(|word| {
        let digits = word.trim_matches(|c: char| !c.is_ascii_digit());
        let is_number =
            !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit() || c == '.');
        if is_number && !word.contains("src/") {
            word.replace(digits, "N")
        } else {
            word.replace("<1", "N")
        }
    });
    let line = words.collect::<Vec<_>>().join(" ");
    line.replace("<N", "N")
}

#[cfg(unix)]
#[test]
fn a_day_reads_like_this() {
    let project = project(CONFIG);
    drop(start(&project));
    project.write(".env", "A=1\n");
    let mut running = start(&project);
    running.get("/party/r");
    project.write(
        "src/server.ts",
        room("two").replace("constructor", "constructor("),
    );
    running.wait_for_error("The last good code goes on running.");
    project.write("src/server.ts", room("three"));
    running.wait_for("Mended");
    running.get("/party/r?x=1");
    running.wait_for("x=1");
    running.signal("TERM");
    running.wait_for("Stopping");
    assert_eq!(running.exit_code(), Some(0));
    let seen: Vec<_> = running.seen.iter().map(|line| steady(line)).collect();
    let version = steady(concat!("partykit ", env!("CARGO_PKG_VERSION")));
    let expected = [
        version.as_str(),
        "",
        "Loading environment variables from .env",
        "Built src/server.ts: N B in N ms",
        "Ready on http://localhost:N",
        "GET /party/r N (N ms)",
        "Reloaded src/server.ts: N B in N ms",
        "Mended",
        "GET /party/r?x=N N (N ms)",
        "Stopping",
    ];
    assert_eq!(seen, expected);
    let rest = running.errors();
    assert_eq!(rest, "");
    let told = running.told.join("\n");
    let expected = "\nerror: the code could not be bundled\n\n\
        \u{2718} [ERROR] Expected identifier but found \"(\"\n\n    src/server.ts:2:14:\n      \
        2 \u{2502}   constructor((readonly room: any) {}\n        \
        \u{2575}               ^\n\n\
        The last good code goes on running.";
    assert_eq!(told, expected);
}
