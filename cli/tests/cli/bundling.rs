//! Code that esbuild refuses, and an esbuild that is not there. Installs esbuild through npm once
//! into the cache of the tests.

use crate::harness::Project;

#[test]
fn a_mistake_in_the_code_is_shown_with_its_line_and_code_1() {
    let project = Project::bundled(&[
        ("partykit.json", "{main: 'src/server.ts'}"),
        (
            "src/server.ts",
            "import { x } from './x';\nexport default { onConnect() { x( } };\n",
        ),
        ("src/x.ts", "export const x = 1;\n"),
    ]);
    let ended = project.run(&["dev", "--port", "0", "-q"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended
            .stderr
            .starts_with("error: the code could not be bundled\n\n"),
        "{ended:?}"
    );
    assert!(ended.stderr.contains("src/server.ts:2:34:"), "{ended:?}");
    assert!(
        ended
            .stderr
            .contains("2 │ export default { onConnect() { x( } };"),
        "{ended:?}"
    );
    assert!(!ended.stderr.contains('\u{1b}'), "{ended:?}");
    assert!(!ended.stdout.contains("Ready"), "{ended:?}");
}

#[test]
fn a_module_that_is_not_there_is_named() {
    let project = Project::bundled(&[("server.js", "import 'not-there';\nexport default {};\n")]);
    let ended = project.run(&["dev", "server.js", "--port", "0", "-q"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.stderr.contains("Could not resolve \"not-there\""),
        "{ended:?}"
    );
}

#[test]
fn without_esbuild_and_npm_the_hint_says_what_to_install() {
    let project = Project::new(&[("server.js", "export default {};\n")]);
    let mut command = project.command(&["dev", "server.js", "-q"]);
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
    let mut command = project.command(&["dev", "server.js", "-q"]);
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
