//! Code that esbuild refuses, and an esbuild that is not there. Installs esbuild through npm once
//! into the cache of the tests.

use crate::harness::{Project, Running, cache};

#[test]
fn a_mistake_in_the_code_is_shown_with_its_line_and_waited_out() {
    let broken = "import { x } from './x';\nexport default { onConnect() { x( } };\n";
    let project = Project::bundled(&[
        ("partykit.json", "{main: 'src/server.ts', persist: false}"),
        ("src/server.ts", broken),
        ("src/x.ts", "export const x = 1;\n"),
    ]);
    let ready = project.path("ready.json");
    let mut command = project.command(&["dev", "--port", "0", "--ready-file"]);
    let mut running = {
        command.arg(&ready);
        Running::launch(command)
    };
    running.wait_until("Waiting on ");
    let answer = running.ask("/party/r");
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(
        answer.contains("no code that can be served yet"),
        "{answer}"
    );
    assert!(answer.contains("\nretry-after: 1\r\n"), "{answer}");
    running.wait_for_error("Rooms are not served before it is mended.");
    let told = running.told.join("\n");
    let expected = "\nerror: the code could not be bundled\n\n\
        \u{2718} [ERROR] Unexpected \"}\"\n\n    src/server.ts:2:34:\n      \
        2 \u{2502} export default { onConnect() { x( } };\n        \
        \u{2575}                                   ^\n\n\
        Rooms are not served before it is mended.";
    assert_eq!(told, expected);
    assert!(!running.seen.iter().any(|line| line.contains("Ready")));
    assert!(!ready.exists());

    project.write(
        "src/server.ts",
        "export default { onRequest: () => new Response('good') };\n",
    );
    running.wait_for("Built src/server.ts: ");
    running.wait_for("Mended");
    running.wait_for("Ready on ");
    assert_eq!(running.get("/party/r"), "good");
    assert!(ready.exists());
}

#[test]
fn a_module_that_is_not_there_is_named_and_its_package_mends_the_start() {
    let project = Project::bundled(&[(
        "server.js",
        "import word from 'not-there';\nexport default { onRequest: () => new Response(word) };\n",
    )]);
    let arguments = ["dev", "server.js", "--port", "0", "--persist", "false"];
    let mut running = Running::launch(project.command(&arguments));
    running.wait_for_error("Could not resolve \"not-there\"");
    running.wait_until("Waiting on ");
    // As a package manager does it: folder by folder, file by file.
    project.write(
        "node_modules/not-there/dist/index.js",
        "export default 'came';\n",
    );
    project.write(
        "node_modules/not-there/package.json",
        "{\"main\": \"dist/index.js\"}",
    );
    running.wait_for("Ready on ");
    assert_eq!(running.get("/party/r"), "came");
}

#[test]
fn an_option_for_bundling_that_is_wrong_ends_it_with_code_2() {
    let config = "{main: 'server.js', define: {WORD: 'no word'}}";
    let room = "export default {};\n";
    let project = Project::bundled(&[("partykit.json", config), ("server.js", room)]);
    let ended = project.run(&["dev", "--port", "0", "-q"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let expected = "error: the options for bundling are wrong\n\n\
        \u{2718} [ERROR] Invalid define value (must be an entity name or JS literal): no word";
    assert!(ended.stderr.starts_with(expected), "{ended:?}");
}

#[test]
fn without_esbuild_and_npm_the_hint_says_what_to_install() {
    let project = Project::new(&[("server.js", "export default {};\n")]);
    let mut command = project.command(&["dev", "server.js", "-q", "--port", "0"]);
    command
        .env("PATH", "")
        .env("PARTYKIT_CACHE_DIR", project.path("cache"));
    let ended = project.ended(command.output().unwrap());
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(
        ended.stderr,
        "error: esbuild is needed and npm, which would install it, cannot be started\n  \
         because: No such file or directory (os error 2)\n\n\
         hint: install Node.js, or name an esbuild binary in PARTYKIT_ESBUILD\n"
    );
    let left: Vec<_> = std::fs::read_dir(project.path("cache")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn an_esbuild_that_was_named_must_be_there() {
    let project = Project::new(&[("server.js", "export default {};\n")]);
    let mut command = project.command(&["dev", "server.js", "-q", "--port", "0"]);
    command.env("PARTYKIT_ESBUILD", "/none/esbuild");
    let ended = project.ended(command.output().unwrap());
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(
        ended
            .stderr
            .starts_with("error: PARTYKIT_ESBUILD names /none/esbuild, which is"),
        "{ended:?}"
    );
}

/// The oldest that is spoken to, and the one that PartyKit brings; both build and build again.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[test]
fn older_esbuilds_are_spoken_to_as_well() {
    for version in ["0.17.19", "0.21.5"] {
        let folder = cache().join(format!("older-esbuild-{version}"));
        let program = folder.join("node_modules/@esbuild/linux-x64/bin/esbuild");
        if !program.is_file() {
            std::fs::create_dir_all(&folder).unwrap();
            let mut npm = std::process::Command::new("npm");
            npm.current_dir(&folder)
                .args(["install", "--prefix", ".", "--ignore-scripts", "--no-save"])
                .arg(format!("@esbuild/linux-x64@{version}"));
            assert!(npm.output().unwrap().status.success());
        }
        let room = "export default { onRequest: () => new Response('one') };\n";
        let project = Project::new(&[("server.js", room)]);
        let arguments = ["dev", "server.js", "--port", "0", "--persist", "false"];
        let mut command = project.command(&arguments);
        command.env("PARTYKIT_ESBUILD", &program);
        let mut running = Running::start(command);
        project.write("server.js", "export default {\n");
        running.wait_for_error("server.js:2:0:");
        project.write("server.js", room.replace("one", "two"));
        running.wait_for("Reloaded");
    }
}

#[test]
fn what_is_no_esbuild_is_said_so() {
    let project = Project::new(&[("server.js", "export default {};\n")]);
    let mut command = project.command(&["dev", "server.js", "-q", "--port", "0"]);
    command.env("PARTYKIT_ESBUILD", "/bin/cat");
    let ended = project.ended(command.output().unwrap());
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let expected = "error: /bin/cat is no esbuild that can be used: ";
    assert!(ended.stderr.starts_with(expected), "{ended:?}");
}

#[test]
fn typescript_jsx_json_bytes_paths_and_late_imports_are_bundled() {
    let project = Project::bundled(&[
        (
            "partykit.json",
            "{main: 'src/server.tsx', persist: false, build: {alias: {old: './src/new.ts'}}}",
        ),
        (
            "tsconfig.json",
            r#"{"compilerOptions": {"paths": {"@/*": ["./src/*"]}, "jsx": "react", "jsxFactory": "h"}}"#,
        ),
        ("src/new.ts", "export const alias = 'alias';\n"),
        ("src/lib/word.ts", "export enum Word { A = 'enum' }\n"),
        ("src/late.ts", "export default 'late';\n"),
        ("src/data.json", r#"{"deep": ["json"]}"#),
        (
            "src/server.tsx",
            r#"
import { Word } from "@/lib/word";
import { alias } from "old";
import data from "./data.json";
import bytes from "./raw.bin";
import conditional from "conditional";
const h = (name: string, _: unknown, ...children: string[]) => `<${name}>${children}</${name}>`;
export default class {
  async onRequest() {
    const late = await import("./late");
    const list: unknown[] = [Word.A, alias, data.deep[0], conditional, late.default, <b>jsx</b>,
      bytes instanceof ArrayBuffer, bytes.byteLength, new Uint8Array(bytes)[1]];
    return new Response(list.join(" "));
  }
}
"#,
        ),
        (
            "node_modules/conditional/package.json",
            r#"{"exports": {"node": "./d.js", "partykit": "./p.js", "browser": "./b.js"}}"#,
        ),
        ("node_modules/conditional/b.js", "export default 'browser'"),
        ("node_modules/conditional/p.js", "export default 'partykit'"),
        ("node_modules/conditional/d.js", "export default 'default'"),
    ]);
    project.write("src/raw.bin", [0, 200, 255]);
    let running = Running::start(project.command(&["dev", "--port", "0"]));
    let answer = running.get("/party/r");
    assert_eq!(
        answer,
        "enum alias json partykit late <b>jsx</b> true 3 200"
    );
}
