//! Every backend passes the suite; the name of the failing case stands before its panic.

use partykit_storage::conformance::{CASES, REOPEN_CASES};

use crate::{memory, sled, sqlite};

#[test]
fn memory_passes_the_suite() {
    for (name, case) in CASES {
        println!("case: {name}");
        case(&memory);
    }
}

#[test]
fn sled_passes_the_suite() {
    for (name, case) in CASES {
        println!("case: {name}");
        let temp = tempfile::tempdir().unwrap();
        case(&|| sled(temp.path()));
    }
}

#[test]
fn sled_passes_the_suite_of_reopening() {
    for (name, case) in REOPEN_CASES {
        println!("case: {name}");
        let temp = tempfile::tempdir().unwrap();
        case(&|| sled(temp.path()));
    }
}

#[test]
fn sqlite_passes_the_suite() {
    for (name, case) in CASES {
        println!("case: {name}");
        let temp = tempfile::tempdir().unwrap();
        case(&|| sqlite(temp.path()));
    }
}

#[test]
fn sqlite_passes_the_suite_of_reopening() {
    for (name, case) in REOPEN_CASES {
        println!("case: {name}");
        let temp = tempfile::tempdir().unwrap();
        case(&|| sqlite(temp.path()));
    }
}
