//! The command line itself: help, mistakes in it, and which mistakes are told first.

use crate::harness::Project;

#[test]
fn without_a_command_the_help_is_shown_and_the_code_is_2() {
    let ended = Project::new(&[]).run(&[]);
    assert_eq!(ended.code, Some(2));
    assert!(
        ended.stderr.contains("Usage: partykit <COMMAND>"),
        "{ended:?}"
    );
}

#[test]
fn help_names_every_option_of_dev() {
    let ended = Project::new(&[]).run(&["dev", "--help"]);
    assert_eq!(ended.code, Some(0));
    for option in [
        "--port",
        "--persist",
        "--config",
        "--var",
        "--define",
        "--no-hotkeys",
        "--serve",
        "--with-env",
        "--minify",
        "--live",
        "--https",
        "--https-key-path",
        "--https-cert-path",
        "--ready-file",
        "--json",
        "Examples:",
        "Exit codes:",
        "--quiet",
        "--verbose",
    ] {
        assert!(
            ended.stdout.contains(option),
            "{option} is missing: {ended:?}"
        );
    }
    assert_eq!(ended.stderr, "");
}

#[test]
fn completions_are_printed_for_each_shell_and_nothing_is_installed() {
    for (shell, part) in [
        ("bash", "complete -F _partykit"),
        ("zsh", "#compdef partykit"),
        ("fish", "complete -c partykit"),
        ("elvish", "edit:completion:arg-completer[partykit]"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let ended = Project::new(&[]).run(&["completions", shell]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.stdout.contains(part), "{shell}: {}", ended.stdout);
        assert!(ended.stdout.contains("ready-file"), "{shell}");
    }
    assert_eq!(Project::new(&[]).run(&["completions", "csh"]).code, Some(2));
}

#[test]
fn the_version_is_one_line() {
    let ended = Project::new(&[]).run(&["--version"]);
    assert_eq!(ended.code, Some(0));
    assert_eq!(
        ended.stdout,
        concat!("partykit ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

#[test]
fn mistakes_on_the_command_line_are_told_with_code_2() {
    for (arguments, expected) in [
        (&["dev", "--prot", "1"][..], "unexpected argument '--prot'"),
        (
            &["dev", "--port", "x"],
            "invalid value 'x' for '--port <N>'",
        ),
        (&["dev", "--port", "70000"], "70000 is not in 0..=65535"),
        (&["dev", "--var", "A"], "expected NAME=VALUE"),
        (&["dev", "--quiet", "--verbose"], "cannot be used with"),
        (
            &["dev", "--https-key-path", "k.pem"],
            "--https-cert-path <FILE>",
        ),
        (&["dve"], "unrecognized subcommand 'dve'"),
    ] {
        let ended = Project::new(&[]).run(arguments);
        assert_eq!(ended.code, Some(2), "{arguments:?}: {ended:?}");
        assert!(ended.stderr.contains(expected), "{arguments:?}: {ended:?}");
        assert_eq!(ended.stdout, "", "{arguments:?}");
    }
}

#[test]
fn scripts_hear_of_mistakes_on_the_command_line_and_find_no_old_ready_file() {
    let project = Project::new(&[]);
    let old = || project.write("ready.json", "{\"port\": 1}");
    old();
    let ended = project.run(&["dev", "--prot", "1", "--json", "--ready-file", "ready.json"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert_eq!(ended.stderr, "");
    assert_eq!(ended.stdout.lines().count(), 1, "{ended:?}");
    let told: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(told["event"], "error");
    assert_eq!(told["text"], "unexpected argument '--prot' found");
    let hint = told["hint"].as_str().unwrap();
    assert!(
        hint.starts_with("tip: a similar argument exists: '--port'"),
        "{hint}"
    );
    assert!(!project.path("ready.json").exists());

    // The same for what is noticed later.
    old();
    let ended = project.run(&["dev", "none.js", "--json", "--ready-file", "ready.json"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let told: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(told["text"], "Could not find main: none.js");
    assert!(!project.path("ready.json").exists());

    // Who asks for help is no script.
    old();
    let ended = project.run(&["dev", "--help", "--json", "--ready-file", "ready.json"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("Usage: partykit dev"), "{ended:?}");
    assert!(project.path("ready.json").exists());
}

#[test]
fn without_an_entry_the_hint_says_what_to_write() {
    let ended = Project::new(&[]).run(&["dev", "--quiet"]);
    assert_eq!(ended.code, Some(2));
    assert_eq!(ended.stdout, "");
    assert_eq!(
        ended.stderr,
        "error: Missing entry point, please specify \"main\" in your config\n\n\
         hint: write {\"main\": \"src/server.ts\"} into a new file partykit.json, \
         or name the file: partykit dev src/server.ts\n"
    );
}

#[test]
fn a_script_that_is_not_there_is_told_as_it_was_typed() {
    let ended = Project::new(&[]).run(&["dev", "src/none.ts", "-q"]);
    assert_eq!(ended.code, Some(2));
    assert_eq!(
        ended.stderr,
        "error: Could not find main: src/none.ts\n\n\
         hint: the path is relative to the folder you are in\n"
    );
}
