//! From the start of the process to the first echo: with nothing compiled yet, as on a machine
//! that sees partykit for the first time, and with what such a run leaves behind.
//!
//! roomload starts the server itself, so that nothing else is in the time. Both runs build the
//! bundle; nothing is pinned, because compiling uses every core there is.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use super::load::Finding;
use super::server::CACHE_VARIABLE;
use crate::failure::Failure;
use crate::place::{Place, expect_built};
use crate::report::{Report, number, number_or_nothing};

/// Odd, so that there is a middle.
const WARM_STARTS: usize = 5;

/// Measures one cold start and some warm ones.
///
/// # Errors
/// The server or roomload could not be started.
pub(crate) fn starts(place: &Place, report: &Report) -> Result<(), Failure> {
    expect_built(&place.partykit)?;
    expect_built(&place.roomload)?;
    let cache = place.empty_folder()?;
    let cold = start(place, cache.path(), report)?;
    let mut warm = Vec::new();
    for _ in 0..WARM_STARTS {
        warm.push(start(place, cache.path(), report)?);
    }
    let of = |finding: &Finding, name| finding.number(&[name]).unwrap_or(f64::NAN);
    let median = |name| {
        let mut values: Vec<f64> = warm.iter().map(|finding| of(finding, name)).collect();
        values.sort_by(f64::total_cmp);
        values.get(WARM_STARTS / 2).copied()
    };
    let cells = |label: &str, number: &dyn Fn(&'static str) -> String| {
        vec![
            label.to_owned(),
            number("listening_ms"),
            number("first_answer_ms"),
            number("rss_mib"),
        ]
    };
    let rows = [
        cells("nothing compiled yet", &|name| number(of(&cold, name))),
        cells("engine compiled before", &|name| {
            number_or_nothing(median(name))
        }),
    ];
    report.table(
        "Start of `partykit dev`, the bundle built",
        &["", "listening ms", "first echo ms", "MiB"],
        &rows,
    );
    Ok(())
}

fn start(place: &Place, cache: &Path, report: &Report) -> Result<Finding, Failure> {
    let storage = place.empty_folder()?;
    let port = free_port()?.to_string();
    let mut command = Command::new(&place.roomload);
    command
        .args(["--json", "--url"])
        .arg(format!("http://127.0.0.1:{port}"))
        .args(["startup", "--"])
        .arg(&place.partykit)
        .args([
            "dev",
            "--quiet",
            "--no-hotkeys",
            "--port",
            &port,
            "--persist",
        ])
        .arg(storage.path())
        .current_dir(&place.rooms)
        .env(CACHE_VARIABLE, cache);
    let finding = Finding::of(command)?;
    if let Some(errors) = finding.errors() {
        report.wrong(&format!("start: {errors}"));
    }
    Ok(finding)
}

/// Free now; somebody else may take it before the server does, which then says so.
fn free_port() -> Result<u16, Failure> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
