//! The rules of docs/style.md and docs/architecture.md that a machine can check, as one ordinary
//! test over the sources.
//!
//! Each check is a function from text to complaints, with a violation planted in a test beside it,
//! so that a check that has stopped seeing anything is noticed. Owns no rule: the pages in docs/
//! do; here are only their numbers and tables.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at what it cannot read"
)]

mod dead_files;
mod docs;
mod layers;
mod licences;
mod limits;
mod metadata;
mod names;
mod sizes;
mod sources;
mod text;
mod third_party;

/// Fails with all complaints at once: fixing them one run at a time is no fun.
fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn sources_are_found_at_all() {
    let files = sources::read();
    for expected in [
        "README.md",
        "host/crates/core/src/lib.rs",
        "examples/chat/public/client.js",
        "scripts/test",
    ] {
        assert!(
            files.iter().any(|file| file.path == expected),
            "{expected} was not read"
        );
    }
}

#[test]
fn every_source_file_begins_with_its_page() {
    assert_none(&sources::check_each(text::module_page));
}

#[test]
fn no_rust_line_is_longer_than_a_screen_is_wide() {
    assert_none(&sources::check_each(text::columns));
}

#[test]
fn no_source_has_notes_to_self_or_debugging_left_in_it() {
    assert_none(&sources::check_each(text::leftovers));
}

#[test]
fn no_source_speaks_of_the_machine_it_was_written_on() {
    assert_none(&sources::check_each(text::machine_paths));
}

#[test]
fn files_and_types_do_not_have_banned_names() {
    assert_none(&sources::check_each(names::check));
}

#[test]
fn files_are_not_too_long() {
    assert_none(&sizes::files(&sources::read(), sizes::KNOWN_LONG));
}

#[test]
fn functions_are_not_too_long() {
    assert_none(&sources::check_each(sizes::functions));
}

#[test]
fn every_rust_file_is_part_of_its_crate() {
    assert_none(&dead_files::check(&sources::read()));
}

#[test]
fn crates_depend_only_on_lower_layers_and_heavy_dependencies_have_one_owner() {
    let crates = metadata::workspace();
    assert_none(&layers::directions(&crates));
    assert_none(&layers::heavy(&crates));
    assert_none(&layers::host_crates(&sources::read()));
}

#[test]
fn links_between_documents_resolve() {
    assert_none(&docs::links(&sources::read()));
}

#[test]
fn every_direct_dependency_is_explained() {
    let page = sources::text_of("docs/dependencies.md");
    assert_none(&docs::dependencies(&page, &metadata::direct_dependencies()));
}

#[test]
fn third_party_page_lists_what_is_in_the_binary() {
    third_party::check_or_write();
}

#[test]
fn the_page_of_limits_is_what_the_sources_say() {
    limits::check_or_write();
}
