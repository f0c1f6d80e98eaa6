//! What a build gave: files, warnings, or what is wrong and where.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::packet::Value;

/// One finished build.
#[derive(Debug, Default)]
pub(crate) struct Built {
    pub(crate) errors: Vec<Problem>,
    pub(crate) warnings: Vec<Problem>,
    pub(crate) files: Vec<OutputFile>,
    /// The files that were read, absolute.
    pub(crate) inputs: BTreeSet<PathBuf>,
}

/// A file that the build would have written.
#[derive(Debug)]
pub(crate) struct OutputFile {
    pub(crate) path: PathBuf,
    pub(crate) contents: Vec<u8>,
}

/// One remark of esbuild.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Problem {
    pub(crate) text: String,
    /// Relative to the project, with line and column, both counted from one.
    pub(crate) place: Option<(String, u32, u32)>,
    /// As it came, to be laid out by esbuild.
    pub(super) raw: Value,
}

impl Problem {
    #[cfg(test)]
    pub(crate) fn for_tests(text: &str, (file, line, column): (&str, u32, u32)) -> Self {
        Self {
            text: text.to_owned(),
            place: Some((file.to_owned(), line, column)),
            raw: Value::Null,
        }
    }
}

impl Built {
    /// Reads the answer to a build in `root`.
    pub(super) fn read(answer: &Value, root: &Path) -> Self {
        let list = |name| answer.get(name).map_or(&[][..], Value::as_list);
        Self {
            errors: list("errors").iter().map(problem).collect(),
            warnings: list("warnings").iter().map(problem).collect(),
            files: list("outputFiles").iter().filter_map(file).collect(),
            inputs: inputs(answer.get("metafile"), root),
        }
    }
}

fn problem(raw: &Value) -> Problem {
    let text = |name, value: &Value| value.get(name).and_then(Value::as_text).map(str::to_owned);
    let number = |name, value: &Value| value.get(name).and_then(Value::as_number);
    let place = raw.get("location").and_then(|place| {
        let column = number("column", place)? + 1;
        Some((text("file", place)?, number("line", place)?, column))
    });
    Problem {
        text: text("text", raw).unwrap_or_default(),
        place,
        raw: raw.clone(),
    }
}

fn file(value: &Value) -> Option<OutputFile> {
    let Some(Value::Bytes(contents)) = value.get("contents") else {
        return None;
    };
    Some(OutputFile {
        path: value.get("path")?.as_text()?.into(),
        contents: contents.clone(),
    })
}

/// The keys of the metafile's `inputs`, but for those that are no files: `ns:name`.
fn inputs(metafile: Option<&Value>, root: &Path) -> BTreeSet<PathBuf> {
    #[derive(serde::Deserialize)]
    struct Metafile {
        inputs: std::collections::BTreeMap<String, serde::de::IgnoredAny>,
    }
    let parsed: Option<Metafile> = match metafile {
        Some(Value::Bytes(json)) => serde_json::from_slice(json).ok(),
        Some(Value::Text(json)) => serde_json::from_str(json).ok(),
        _ => None,
    };
    let names = parsed.map(|metafile| metafile.inputs).unwrap_or_default();
    names
        .into_keys()
        .map(|name| crate::paths::normal(&root.join(name.split('?').next().unwrap_or(""))))
        .filter(|path| path.is_file())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_its_place_counted_from_one() {
        let raw = Value::record([
            ("text", Value::text("Unexpected \"}\"")),
            (
                "location",
                Value::record([
                    ("file", Value::text("src/server.ts")),
                    ("line", Value::Number(3)),
                    ("column", Value::Number(0)),
                ]),
            ),
        ]);
        let answer = Value::record([("errors", Value::List(vec![raw.clone()]))]);
        let built = Built::read(&answer, "/p".as_ref());
        let expected = Problem {
            text: "Unexpected \"}\"".to_owned(),
            place: Some(("src/server.ts".to_owned(), 3, 1)),
            raw,
        };
        assert_eq!(built.errors, [expected]);
    }

    #[test]
    fn inputs_are_files_wherever_they_lie() {
        let root = tempfile::tempdir().unwrap();
        let project = root.path().join("project");
        std::fs::create_dir(&project).unwrap();
        for name in ["shared.ts", "project/data.bin"] {
            std::fs::write(root.path().join(name), "").unwrap();
        }
        let json = br#"{"inputs": {"../shared.ts": {"bytes": 1}, "data.bin?bytes": {},
                        "(disabled):fs": {}}, "outputs": {}}"#;
        let answer = Value::record([("metafile", Value::Bytes(json.to_vec()))]);
        let built = Built::read(&answer, &project);
        let expected = [root.path().join("shared.ts"), project.join("data.bin")];
        assert_eq!(built.inputs, expected.into_iter().collect());
    }
}
