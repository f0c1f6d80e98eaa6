//! How long a file and a function may be. The numbers are those of docs/style.md.

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::sources::Source;

const FILE_LINES_MAX: usize = 600;
const FILE_LINES_LOOK_HARD: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;

/// Files above 400 lines that somebody looked at and let be, with the length they had then: they
/// may shrink, not grow.
pub(crate) const KNOWN_LONG: &[(&str, usize)] = &[];

/// Lines count without the file's own unit tests. A file of nothing but tests is only held to the
/// upper bound: its length says how many cases there are.
pub(crate) fn files(sources: &[Source], known_long: &[(&str, usize)]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources
        .iter()
        .filter(|s| s.has_ending(&["rs", "js", "mjs", "ts", "css"]))
    {
        let path = &source.path;
        let lines = lines_without_tests(source);
        let known = known_long
            .iter()
            .find(|(known, _)| known == path)
            .map(|(_, lines)| *lines);
        if lines > FILE_LINES_MAX {
            complaints.push(format!("{path}: {lines} lines, more than {FILE_LINES_MAX}"));
        } else if lines > known.unwrap_or(FILE_LINES_LOOK_HARD) && !source.is_tests() {
            complaints.push(format!(
                "{path}: {lines} lines: split it, or let it be with an entry in KNOWN_LONG"
            ));
        } else if known.is_some_and(|known| lines < known) {
            complaints.push(format!(
                "{path}: has shrunk to {lines} lines: lower its KNOWN_LONG"
            ));
        }
    }
    for (path, _) in known_long {
        if !sources.iter().any(|source| source.path == *path) {
            complaints.push(format!("{path}: is gone, KNOWN_LONG still has it"));
        }
    }
    complaints
}

fn lines_without_tests(source: &Source) -> usize {
    let all = source.text.lines().count();
    if !source.is_rust() {
        return all;
    }
    let file = parse(source);
    let tests = file.items.iter().filter(|item| match item {
        syn::Item::Mod(module) => is_for_tests(&module.attrs),
        _ => false,
    });
    let length = |item: &syn::Item| item.span().end().line + 1 - item.span().start().line;
    all - tests.map(length).sum::<usize>()
}

fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Ident>()
                .is_ok_and(|word| word == "test")
    })
}

fn parse(source: &Source) -> syn::File {
    syn::parse_file(&source.text).unwrap_or_else(|error| panic!("{}: {error}", source.path))
}

/// From the signature to the last brace, in Rust files.
pub(crate) fn functions(source: &Source) -> Vec<String> {
    if !source.is_rust() {
        return Vec::new();
    }
    let mut lengths = FunctionLengths::default();
    lengths.visit_file(&parse(source));
    let too_long = lengths
        .0
        .into_iter()
        .filter(|(_, _, lines)| *lines > FUNCTION_LINES_MAX);
    let path = &source.path;
    too_long
        .map(|(line, name, lines)| {
            format!("{path}:{line}: fn {name} has {lines} lines, more than {FUNCTION_LINES_MAX}")
        })
        .collect()
}

#[derive(Default)]
struct FunctionLengths(Vec<(usize, String, usize)>);

impl FunctionLengths {
    fn add(&mut self, signature: &syn::Signature, body: &syn::Block) {
        let first = signature.span().start().line;
        let lines = body.span().end().line + 1 - first;
        self.0.push((first, signature.ident.to_string(), lines));
    }
}

impl<'ast> Visit<'ast> for FunctionLengths {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.add(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.add(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(body) = &item.default {
            self.add(&item.sig, body);
        }
        visit::visit_trait_item_fn(self, item);
    }
}

mod planted {
    use super::*;

    fn long_file(lines: usize) -> Source {
        Source::planted("a/b.rs", &"// line\n".repeat(lines))
    }

    #[test]
    fn a_long_file_is_seen_unless_it_was_let_be() {
        assert!(files(&[long_file(400)], &[]).is_empty());
        assert_eq!(files(&[long_file(401)], &[]).len(), 1);
        assert!(files(&[long_file(450)], &[("a/b.rs", 450)]).is_empty());
        assert_eq!(files(&[long_file(451)], &[("a/b.rs", 450)]).len(), 1);
        assert_eq!(files(&[long_file(601)], &[("a/b.rs", 601)]).len(), 1);
    }

    #[test]
    fn a_file_of_tests_may_be_longer_but_not_endless() {
        let tests = |lines| Source::planted("a/tests/b.rs", &"// line\n".repeat(lines));
        assert!(files(&[tests(600)], &[]).is_empty());
        assert_eq!(files(&[tests(601)], &[]).len(), 1);
    }

    #[test]
    fn the_list_of_long_files_only_gets_shorter() {
        assert_eq!(files(&[long_file(449)], &[("a/b.rs", 450)]).len(), 1);
        assert_eq!(files(&[], &[("a/b.rs", 450)]).len(), 1);
    }

    #[test]
    fn unit_tests_do_not_count() {
        let tests = "    fn f() {}\n".repeat(300);
        let text = format!(
            "{}#[cfg(test)]\nmod tests {{\n{tests}}}\n",
            "// line\n".repeat(399)
        );
        assert!(files(&[Source::planted("a/b.rs", &text)], &[]).is_empty());
    }

    #[test]
    fn a_long_function_is_seen_in_methods_and_defaults_too() {
        let body = "let a = 1;\n".repeat(69);
        for text in [
            format!("fn f() {{\n{body}}}"),
            format!("impl A {{ fn f() {{\n{body}}} }}"),
            format!("trait A {{ fn f() {{\n{body}}} }}"),
        ] {
            let complaints = functions(&Source::planted("a/b.rs", &text));
            assert_eq!(complaints, ["a/b.rs:1: fn f has 71 lines, more than 70"]);
        }
        let shorter = format!("fn f() {{\n{}}}", "let a = 1;\n".repeat(68));
        assert!(functions(&Source::planted("a/b.rs", &shorter)).is_empty());
    }
}
