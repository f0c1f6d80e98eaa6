//! Wrong configurations: each gives one error with its place, perhaps a hint, and exit code 2.

use crate::harness::Project;

/// The text, the first line of the error without `error: `, and the hint.
type Case = (&'static str, &'static str, Option<&'static str>);

#[rustfmt::skip]
const WRONG: &[Case] = &[
    // What is no JSON5.
    ("", "partykit.json: it is empty", Some("the smallest configuration is {}")),
    ("// nothing\n", "partykit.json: it is empty", Some("the smallest configuration is {}")),
    ("{", "partykit.json:1:1: unterminated object", None),
    ("{\n  \"main\": \"a.ts\"", "partykit.json:1:1: unterminated object", None),
    ("{\n  \"main\": \"a.ts\"\n  \"port\": 1\n}", "partykit.json:2:17: expected comma", None),
    ("{\"main\" \"a.ts\"}", "partykit.json:1:9: expected colon after the string or word in object property", None),
    ("{\"main\": }", "partykit.json:1:10: unexpected close brace", None),
    ("{\"main\": \"a.ts}\n", "partykit.json:1:10: unterminated string literal", None),
    ("{\"port\": 1} {}", "partykit.json:1:13: text cannot contain more than one JSON value", None),
    ("{\"a\": [1, 2}", "partykit.json:1:12: unexpected close brace", None),
    ("{\"port\": true false}", "partykit.json:1:14: expected comma", None),
    ("{/* \"port\": 1}", "partykit.json:1:2: unterminated comment block", None),
    ("{port: yes}", "partykit.json:1:8: unexpected token", None),
    ("{,}", "partykit.json:1:2: unexpected token in object", None),
    // What is JSON5 and no configuration.
    ("[]", "partykit.json:1:1: a configuration must be an object, not a list", None),
    ("\"main.ts\"", "partykit.json:1:1: a configuration must be an object, not a string", None),
    ("null", "partykit.json:1:1: a configuration must be an object, not null", None),
    // Unknown keys.
    ("{\n  \"mian\": \"a.ts\"\n}", "partykit.json:2:3: unknown key \"mian\"", Some("did you mean \"main\"?")),
    ("{\n\t'compatibility_date': ''}", "partykit.json:2:2: unknown key \"compatibility_date\"", Some("did you mean \"compatibilityDate\"?")),
    ("{singlePageApp: true}", "partykit.json:1:2: unknown key \"singlePageApp\"", Some("\"singlePageApp\" belongs into \"serve\"")),
    ("{alias: {}}", "partykit.json:1:2: unknown key \"alias\"", Some("\"alias\" belongs into \"build\"")),
    ("{build: {comand: 'x'}}", "partykit.json:1:10: unknown key \"comand\" in \"build\"", Some("did you mean \"command\"?")),
    ("{serve: {build: {zzzzz: 1}}}", "partykit.json:1:18: unknown key \"zzzzz\" in \"serve.build\"", Some("known keys in \"serve.build\" are entry, bundle, splitting, external, outdir, minify, alias, format, live, sourcemap, define, loader")),
    ("{bindings: {d1: {}}}", "partykit.json:1:13: unknown key \"d1\" in \"bindings\"", Some("known keys in \"bindings\" are r2, kv")),
    // Wrong types and values.
    ("{main: 1}", "partykit.json:1:8: \"main\" must be a string, not a number", None),
    ("{name: \"My App\"}", "partykit.json:1:8: the project name `My App` may only contain lower-case letters, digits and hyphens", None),
    ("{name: ''}", "partykit.json:1:8: the project name is empty", None),
    ("{port: \"1999\"}", "partykit.json:1:8: \"port\" must be a number, not a string", None),
    ("{port: 70000}", "partykit.json:1:8: \"port\" must be a whole number from 0 to 65535", None),
    ("{port: 1.5}", "partykit.json:1:8: \"port\" must be a whole number from 0 to 65535", None),
    ("{port: NaN}", "partykit.json:1:8: \"port\" must be a whole number from 0 to 65535", None),
    ("{port: -0x1}", "partykit.json:1:8: \"port\" must be a whole number from 0 to 65535", None),
    ("{parties: ['a']}", "partykit.json:1:11: \"parties\" must be an object, not a list", None),
    ("{parties: {main: 'a.ts'}}", "partykit.json:1:12: Cannot have a party named \"main\"", Some("the default party is the key \"main\" beside \"parties\"")),
    ("{parties: {Upper: 'a.ts'}}", "partykit.json:1:12: the party name `Upper` may only contain lower-case letters, digits, underscores and hyphens", None),
    ("{parties: {x: 'none.ts'}}", "partykit.json:1:15: Could not find party: none.ts", None),
    ("{parties: {x: 1}}", "partykit.json:1:15: \"parties.x\" must be a string, not a number", None),
    ("{serve: true}", "partykit.json:1:9: \"serve\" must be a string or an object, not a boolean", None),
    ("{serve: {include: ['a']}}", "partykit.json:1:10: Not implemented keys in config.serve: include", None),
    ("{serve: {browserTTL: '1'}}", "partykit.json:1:22: \"serve.browserTTL\" must be a number, not a string", None),
    ("{serve: {build: {format: 'amd'}}}", "partykit.json:1:26: \"amd\" is not known here", Some("it can be esm, cjs, iife")),
    ("{persist: 1}", "partykit.json:1:11: \"persist\" must be true, false or a folder, not a number", None),
    ("{vars: []}", "partykit.json:1:8: \"vars\" must be an object, not a list", None),
    ("{vars: {a: {b: Infinity}}}", "partykit.json:1:12: \"vars.a\" holds a number that JSON cannot express", None),
    ("{define: {DEBUG: true}}", "partykit.json:1:18: \"define.DEBUG\" must be a string, not a boolean", None),
    ("{build: 'make'}", "partykit.json:1:9: \"build\" must be an object, not a string", None),
    ("{build: {watch: ['a', 1]}}", "partykit.json:1:23: \"build.watch[1]\" must be a string, not a number", None),
    ("{crons: {a: 1}}", "partykit.json:1:13: \"crons.a\" must be a string, not a number", None),
    ("{compatibilityFlags: 'x'}", "partykit.json:1:22: \"compatibilityFlags\" must be a list of strings, not a string", None),
    ("{minify: 'yes'}", "partykit.json:1:10: \"minify\" must be true or false, not a string", None),
    ("{ai: 1}", "partykit.json:1:6: \"ai\" must be true, false or an object, not a number", None),
    ("{vectorize: {v: {}}}", "partykit.json:1:17: \"index_name\" is missing", None),
    ("{placement: {mode: 'fast'}}", "partykit.json:1:20: \"placement.mode\" can only be \"smart\"", None),
    ("{placement: {}}", "partykit.json:1:13: \"placement.mode\" is missing", None),
    ("{observability: {enabled: 1}}", "partykit.json:1:27: \"observability.enabled\" must be true or false, not a number", None),
    ("{main: 'src/none.ts'}", "partykit.json:1:8: Could not find main: src/none.ts", Some("the path is relative to the configuration file")),
    ("{main: 'src'}", "partykit.json:1:8: Could not find main: src", Some("the path is relative to the configuration file")),
];

#[test]
fn each_wrong_configuration_gives_one_error_with_its_place_and_code_2() {
    let project = Project::new(&[("src/unrelated.ts", "")]);
    let mut differences = Vec::new();
    for (text, first_line, hint) in WRONG {
        project.write("partykit.json", text);
        let ended = project.run(&["dev", "--quiet"]);
        let told = ended.stderr.split_once("\nhint: ");
        let seen = (
            ended.code,
            ended.stdout.as_str(),
            ended.stderr.lines().next().unwrap_or(""),
            told.map(|(_, hint)| hint.trim_end()),
            ended.stderr.matches("error:").count(),
        );
        let first_line = format!("error: {first_line}");
        let expected = (Some(2), "", &*first_line, *hint, 1);
        if seen != expected {
            differences.push(format!(
                "{text:?}\n  seen     {seen:?}\n  expected {expected:?}"
            ));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn the_line_is_shown_with_a_mark_under_the_mistake() {
    let text = "{\n  \"name\": \"chat\",\n\t\"prot\": 1999, // größer\n}\n";
    let ended = Project::new(&[("partykit.json", text)]).run(&["dev", "-q"]);
    assert_eq!(
        ended.stderr,
        "error: partykit.json:3:2: unknown key \"prot\"\n\n  \
         3 | \t\"prot\": 1999, // größer\n    \
         | \t^^^^^^\n\n\
         hint: did you mean \"port\"?\n"
    );
}

#[test]
fn a_key_given_twice_is_warned_of_with_both_places() {
    let text = "{\n  main: 'none.ts',\n  vars: {A: 1,\n    A: 2},\n}";
    let project = Project::new(&[("partykit.json", text), ("x.ts", "")]);
    let mut command = project.command(&["dev", "x.ts", "-q"]);
    // It gets no further than that.
    let output = command.env("PARTYKIT_ESBUILD", "/none").output().unwrap();
    let ended = project.ended(output);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let expected = "warning: partykit.json:4:5: \"A\" is given twice: this one counts, not the \
        one in line 3, column 10\n\n  \
        4 |     A: 2},\n    |     ^\n\
        error: PARTYKIT_ESBUILD";
    assert!(ended.stderr.starts_with(expected), "{ended:?}");
}

#[test]
fn columns_count_characters_and_long_lines_are_not_shown() {
    let text = format!("{{name: 'ä{}', port: 1}}", "x".repeat(200));
    let ended = Project::new(&[("partykit.json", &text)]).run(&["dev", "-q"]);
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");

    let ended = Project::new(&[("partykit.json", "{/* äöü */ prot: 1}")]).run(&["dev", "-q"]);
    assert!(
        ended.stderr.starts_with("error: partykit.json:1:12: "),
        "{ended:?}"
    );
}

#[test]
fn a_file_that_is_no_text_is_told_without_a_place() {
    let project = Project::new(&[]);
    project.write("partykit.json", b"{\"name\": \"\xff\"}");
    let ended = project.run(&["dev", "-q"]);
    assert_eq!(ended.code, Some(2));
    assert_eq!(ended.stderr, "error: partykit.json: it is not UTF-8 text\n");
}

#[test]
fn nesting_without_end_is_an_error_and_no_crash() {
    let text = format!("{{vars: {{a: {}", "[".repeat(100_000));
    let ended = Project::new(&[("partykit.json", &text)]).run(&["dev", "-q"]);
    assert_eq!(ended.code, Some(2), "{:?}", ended.code);
    assert!(
        ended.stderr.contains("maximum nesting depth exceeded"),
        "{ended:?}"
    );
}

#[test]
fn the_configuration_that_was_named_is_the_one_that_is_read() {
    let project = Project::new(&[
        ("partykit.json", "{}"),
        ("other/pk.json5", "{port: 'x'}"),
        ("package.json", "{\"name\": \"x\"}"),
    ]);
    let ended = project.run(&["dev", "-q", "-c", "other/pk.json5"]);
    assert!(
        ended.stderr.starts_with("error: other/pk.json5:1:8: "),
        "{ended:?}"
    );

    let ended = project.run(&["dev", "-q", "-c", "none.json"]);
    assert_eq!(ended.code, Some(2));
    assert!(
        ended
            .stderr
            .starts_with("error: none.json: there is no such configuration file\n"),
        "{ended:?}"
    );

    let ended = project.run(&["dev", "-q", "-c", "package.json"]);
    assert_eq!(
        ended.stderr,
        "error: package.json: it has no key \"partykit\"\n"
    );
}

#[test]
fn a_configuration_above_is_named_whole() {
    let project = Project::new(&[("partykit.json", "{port: 'x'}"), ("a/b/x.ts", "")]);
    let mut command = project.command(&["dev", "-q"]);
    let output = command.current_dir(project.path("a/b")).output().unwrap();
    let ended = project.ended(output);
    assert!(
        ended.stderr.starts_with("error: partykit.json:1:8: "),
        "{ended:?}"
    );
}
