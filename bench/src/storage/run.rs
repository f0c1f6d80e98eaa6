//! The order of the measurements of stores, and their tables.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use super::{commits, large, starting};
use crate::args::Args;
use crate::failure::Failure;
use crate::place::Place;
use crate::report::{NOTHING, Report, number};

const BACKENDS: [&str; 3] = ["sqlite", "sled", "memory"];
const ROOMS: [usize; 3] = [1, 100, 1000];

/// How long the disk itself is measured.
const DISK: Duration = Duration::from_secs(1);

/// Measures the disk, then each backend.
///
/// # Errors
/// Something could not be written or read.
pub(crate) fn run(args: &Args, place: &Place, report: &Report) -> Result<(), Failure> {
    let folder = place.empty_folder()?;
    let disk = syncs(&folder.path().join("disk"))?;
    report.table(
        "The disk: 4 KiB written and synced (fdatasync)",
        &["p50 us", "p99 us"],
        &[disk.map(number).to_vec()],
    );

    let mut rows = Vec::new();
    for backend in BACKENDS {
        for rooms in ROOMS {
            let store = place.empty_folder()?;
            let budget = Duration::from_secs_f64(args.secs);
            let measured = commits::measure(backend, store.path(), rooms, budget)?;
            let figures = [
                measured.per_second,
                measured.p50_us,
                measured.p99_us,
                measured.in_a_group,
            ];
            let names = [backend.to_owned(), rooms.to_string()];
            rows.push(names.into_iter().chain(figures.map(number)).collect());
        }
    }
    report.table(
        "Commits of 3 keys with 100 bytes each, one at a time in each room",
        &[
            "",
            "rooms",
            "commits/s",
            "p50 us",
            "p99 us",
            "commits a flush",
        ],
        &rows,
    );

    let mut rows = Vec::new();
    for backend in ["sqlite", "sled"] {
        let store = place.empty_folder()?;
        let measured = starting::measure(backend, store.path(), args.keys)?;
        rows.push(vec![
            backend.to_owned(),
            number(measured.open.as_secs_f64() * 1e3),
            kib(measured.open_kib),
            number(measured.first_read.as_secs_f64() * 1e3),
            kib(measured.first_read_kib),
            number(measured.fill.as_secs_f64()),
            number(measured.disk_bytes as f64 / 1024.0 / 1024.0),
        ]);
    }
    report.table(
        &format!("Opening a store with {} keys of 100 bytes", args.keys),
        &[
            "",
            "open ms",
            "KiB read",
            "first read ms",
            "KiB read",
            "filled in s",
            "MiB on disk",
        ],
        &rows,
    );
    large_values(place, report)
}

fn large_values(place: &Place, report: &Report) -> Result<(), Failure> {
    let mut rows = Vec::new();
    for backend in ["sqlite", "sled"] {
        let store = place.empty_folder()?;
        let measured = large::measure(backend, store.path())?;
        rows.push(vec![
            backend.to_owned(),
            number(measured.read.as_secs_f64() * 1e6),
            kib(measured.read_kib),
            number(measured.replaced.as_secs_f64() * 1e6),
            kib(measured.replaced_kib),
        ]);
    }
    report.table(
        "One value of 100,000 bytes among 2,000 such in 200 rooms",
        &["", "read us", "KiB read", "replaced us", "KiB read"],
        &rows,
    );
    Ok(())
}

fn kib(kib: Option<f64>) -> String {
    kib.map_or_else(|| NOTHING.to_owned(), number)
}

/// What every durable commit waits for at least: median and 99th of a hundred.
fn syncs(path: &Path) -> Result<[f64; 2], Failure> {
    let mut file = File::create(path)?;
    let (begun, mut took) = (Instant::now(), Vec::new());
    while begun.elapsed() < DISK {
        let begun = Instant::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        took.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    took.sort_unstable_by(f64::total_cmp);
    let at = |part: usize| {
        took.get(took.len() * part / 100)
            .copied()
            .unwrap_or(f64::NAN)
    };
    Ok([at(50), at(99)])
}
