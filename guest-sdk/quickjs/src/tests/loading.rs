//! Evaluating the user's code: what fails, and how that is told.

use super::*;

fn fails(bundle: &str) -> FailureResult {
    load(bundle).expect_err("the bundle should not load")
}

#[test]
fn a_syntax_error_names_its_line() {
    let failure = fails("export default class {}\nlet = = 1;\n");
    assert!(failure.detail.contains("SyntaxError"), "{}", failure.detail);
    assert!(failure.detail.contains("bundle.js:2"), "{}", failure.detail);
}

#[test]
fn an_exception_at_the_top_level_has_name_message_and_stack() {
    let failure = fails("\nfunction broken() { throw new RangeError('too far') }\nbroken();");
    assert_eq!(failure.message, "too far");
    assert!(
        failure.detail.starts_with("RangeError: too far\n"),
        "{}",
        failure.detail
    );
    assert!(failure.detail.contains("bundle.js:2"), "{}", failure.detail);
}

#[test]
fn of_an_exception_with_a_very_long_message_the_beginning_is_told_and_once() {
    let failure = fails("throw new Error('x'.repeat(1e6)); export default class {}");
    assert_eq!(failure.message, "x".repeat(65_536));
    assert!(failure.detail.starts_with("Error: xxx"));
    assert!(failure.detail.len() < 66_000, "{}", failure.detail.len());
    assert!(failure.detail.contains("(bundle.js:1:"));
    assert_eq!(took(), [""; 0]);
}

#[test]
fn a_promise_that_nobody_listens_to_is_told_beside_what_the_code_throws() {
    fails("Promise.reject('lost'); throw 'thrown'; export default class {}");
    assert_eq!(took(), ["error Uncaught (in promise) 'lost'"]);
}

#[test]
fn a_top_level_await_that_can_never_end_is_an_error() {
    let failure = fails("await new Promise(() => {}); export default class {}");
    assert!(failure.message.contains("top level"), "{}", failure.message);
}

#[test]
fn a_top_level_await_that_ends_is_none() {
    started(
        "const x = await Promise.resolve(7); export default class { onStart() { console.log(x) } }",
    );
}

#[test]
fn timers_and_random_values_are_refused_at_the_top_level() {
    for code in [
        "setTimeout(() => {}, 1)",
        "crypto.randomUUID()",
        "AbortSignal.timeout(1)",
    ] {
        let failure = fails_alone(&format!("{code}; export default class {{}}"));
        assert!(
            failure
                .message
                .starts_with("Disallowed operation called within global scope."),
            "{code}: {}",
            failure.message
        );
    }
}

/// A guest loads once: each try needs a thread of its own.
fn fails_alone(bundle: &str) -> FailureResult {
    let bundle = bundle.to_owned();
    std::thread::spawn(move || fails(&bundle)).join().unwrap()
}

#[test]
fn an_unknown_import_is_named() {
    let failure = fails("import fs from 'node:fs'; export default class {}");
    assert!(
        failure.message.contains("Cannot find module \"node:fs\""),
        "{}",
        failure.message
    );
}

#[test]
fn the_platforms_modules_cannot_be_imported() {
    for name in [
        "partykit/internal/native.js",
        "./partykit/internal/native.js",
        "../x.js",
    ] {
        let failure = fails_alone(&format!("import '{name}'; export default class {{}}"));
        assert!(
            failure.message.contains("Cannot find module"),
            "{}",
            failure.message
        );
    }
}

#[test]
fn partykit_server_is_an_empty_module() {
    started(
        "import * as all from 'partykit/server'; export default class { onStart() {
        if (Object.keys(all).length !== 0) throw new Error('not empty') } }",
    );
}

#[test]
fn natives_are_out_of_reach() {
    started(
        "const found = Object.getOwnPropertyNames(globalThis).filter((name) => /native/i.test(name))
        export default class { onStart() { if (found.length) throw new Error(found.join()) } }",
    );
}

#[test]
fn a_default_export_that_is_no_room_is_refused() {
    let failure = fails_alone("export default 5");
    assert!(
        failure.message.contains("default export"),
        "{}",
        failure.message
    );
    let failure = fails_alone("export const x = 1");
    assert!(
        failure.message.contains("default export"),
        "{}",
        failure.message
    );
    assert_eq!(
        fails_alone("export default { onMessage: 5 }").message,
        ".onMessage should be a function"
    );
}

#[test]
fn static_handlers_on_the_instance_are_warned_of() {
    load("export default class { onFetch() {} }").unwrap();
    assert_eq!(
        Exports::describe().warnings,
        [".onFetch is present on the class instance, but it should be defined as a static method"]
    );
    assert_eq!(Exports::describe().contract, "0.1");
}
