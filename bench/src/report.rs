//! How results are printed: aligned tables for people, plain enough to be compared by a diff.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the tables are what this program is for"
)]

use std::cell::Cell;
use std::error::Error;
use std::num::NonZero;
use std::thread::available_parallelism;

use crate::place::Place;

/// Stands where something could not be measured.
pub(crate) const NOTHING: &str = "-";

/// Prints, and remembers whether anything was wrong.
#[derive(Debug, Default)]
pub(crate) struct Report {
    wrong: Cell<bool>,
}

impl Report {
    /// What every figure depends on.
    pub(crate) fn heading(&self, place: &Place) {
        let cpus = available_parallelism().map_or(1, NonZero::get);
        println!("partykit-bench at {}, {cpus} CPUs", place.commit());
    }

    /// One table: its title, its columns, and rows that have a text for each of them. The first
    /// column is aligned to the left, the others to the right.
    pub(crate) fn table(&self, title: &str, columns: &[&str], rows: &[Vec<String>]) {
        let width = |column: usize| {
            let texts = rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(String::as_str);
            let all = texts.chain(columns.get(column).copied());
            all.map(|text| text.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns.len()).map(width).collect();
        println!("\n{title}");
        println!("{}", line(columns.iter().copied(), &widths));
        for row in rows {
            println!("{}", line(row.iter().map(String::as_str), &widths));
        }
    }

    /// A line below a table.
    pub(crate) fn note(&self, text: &str) {
        println!("  {text}");
    }

    /// A result that is not to be trusted.
    pub(crate) fn wrong(&self, text: &str) {
        self.wrong.set(true);
        eprintln!("WRONG: {text}");
    }

    /// What ended the program.
    pub(crate) fn error(&self, error: &(dyn Error + 'static)) {
        eprintln!("error: {error}");
        let mut cause = error.source();
        while let Some(error) = cause {
            eprintln!("  because: {error}");
            cause = error.source();
        }
    }

    pub(crate) fn all_right(&self) -> bool {
        !self.wrong.get()
    }
}

fn line<'a>(texts: impl Iterator<Item = &'a str>, widths: &[usize]) -> String {
    let mut line = String::new();
    for (column, (text, &width)) in texts.zip(widths).enumerate() {
        let cell = match column {
            0 => format!("{text:<width$}"),
            _ => format!("  {text:>width$}"),
        };
        line.push_str(&cell);
    }
    line.trim_end().to_owned()
}

/// Three digits that count, without an exponent.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        magnitude if magnitude >= 99.95 => format!("{value:.0}"),
        magnitude if magnitude >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A number that may be missing.
pub(crate) fn number_or_nothing(value: Option<f64>) -> String {
    value.map_or_else(|| NOTHING.to_owned(), number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_three_digits() {
        let numbers = [0.0123, 1.5, 9.999, 99.96, 12_345.6].map(number);
        assert_eq!(numbers, ["0.01", "1.50", "10.0", "100", "12346"]);
        assert_eq!(number_or_nothing(None), "-");
    }

    #[test]
    fn columns_are_aligned_and_lines_have_no_tail() {
        assert_eq!(
            line(["a", "1", "22"].into_iter(), &[3, 2, 2]),
            "a     1  22"
        );
        assert_eq!(line(["a", ""].into_iter(), &[3, 2]), "a");
    }
}
