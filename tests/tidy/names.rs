//! Names that say nothing, or that mean something else here (docs/vocabulary.md), on files and on
//! types.

use syn::visit::{self, Visit};

use crate::sources::Source;

const BANNED: &[&str] = &[
    "manager", "util", "utils", "helper", "helpers", "common", "misc", "worker", "session",
];
/// A type may be called `SharedData` where data is what it holds; a file of that name is a drawer.
const BANNED_FOR_FILES: &[&str] = &["data"];

/// Complains about the file's own name and about the types it defines.
pub(crate) fn check(source: &Source) -> Vec<String> {
    if !source.has_ending(&["rs", "js", "mjs", "ts"]) {
        return Vec::new();
    }
    let path = &source.path;
    let mut complaints = Vec::new();
    for word in path.split(['/', '.', '-', '_']) {
        if BANNED.contains(&word) || BANNED_FOR_FILES.contains(&word) {
            complaints.push(format!("{path}: `{word}` does not say what is in it"));
        }
    }
    if source.is_rust() {
        let file = syn::parse_file(&source.text).unwrap_or_else(|e| panic!("{path}: {e}"));
        let mut types = TypeNames::default();
        types.visit_file(&file);
        for name in types.0 {
            if let Some(word) = words(&name)
                .into_iter()
                .find(|w| BANNED.contains(&w.as_str()))
            {
                complaints.push(format!("{path}: type `{name}`: `{word}` is a banned word"));
            }
        }
    }
    complaints
}

/// The words of a name in camel case, in lower case.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for c in name.chars() {
        match words.last_mut() {
            Some(word) if !c.is_uppercase() => word.push(c),
            _ => words.push(c.to_lowercase().collect()),
        }
    }
    words
}

#[derive(Default)]
struct TypeNames(Vec<String>);

impl<'ast> Visit<'ast> for TypeNames {
    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.0.push(item.ident.to_string());
        visit::visit_item_struct(self, item);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.0.push(item.ident.to_string());
        visit::visit_item_enum(self, item);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.0.push(item.ident.to_string());
        visit::visit_item_trait(self, item);
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        self.0.push(item.ident.to_string());
        visit::visit_item_type(self, item);
    }
}

mod planted {
    use super::*;

    fn complaints(path: &str, text: &str) -> usize {
        check(&Source::planted(path, text)).len()
    }

    #[test]
    fn a_drawer_is_seen_wherever_it_stands_in_the_path() {
        assert_eq!(complaints("host/src/util.rs", ""), 1);
        assert_eq!(complaints("guest-sdk/js/common/url.js", ""), 1);
        assert_eq!(complaints("host/src/room_manager.rs", ""), 1);
        assert_eq!(complaints("host/src/data.rs", ""), 1);
        assert_eq!(complaints("host/src/utility_room.rs", ""), 0);
    }

    #[test]
    fn a_banned_type_is_seen_inside_functions_and_modules_too() {
        assert_eq!(complaints("a/b.rs", "struct RoomManager;"), 1);
        assert_eq!(
            complaints("a/b.rs", "mod m { fn f() { enum SessionState {} } }"),
            1
        );
        assert_eq!(
            complaints("a/b.rs", "trait Helper {} type UrlUtil = u8;"),
            2
        );
        assert_eq!(
            complaints("a/b.rs", "struct Managers; struct SharedData;"),
            0
        );
    }
}
