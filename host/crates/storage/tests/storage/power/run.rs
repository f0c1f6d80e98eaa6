//! Traces, images of each, and the tests: the durable backends survive all, and both without
//! their syncs do not, or this test would see nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use partykit_core::Store;
use partykit_storage::conformance::{Random, batch, put, room};
use partykit_storage::{SledOptions, SqliteOptions, StorageConfig, open};

use super::disk::Disk;
use super::load::Load;
use crate::long;
use crate::opening::of_format_1;
use crate::trace::{Event, Mark, Watch};

/// Opened twice in each trace, so that closing and opening are among what is interrupted.
const COMMITS_BEFORE_REOPENING: usize = 25;
const COMMITS: usize = 60;
/// A trace of its own for so many images.
const IMAGES_OF_A_TRACE: usize = 20;

/// So many on one store: it grows, uses space again, and must not grow without end.
const TRACES_OF_A_STORE: usize = 8;

const BESIDE: usize = 4;

const IMAGES_SHORT: usize = 200;
const IMAGES_LONG: usize = 10_000;

type Opener = fn(&Path) -> Result<Arc<dyn Store>, String>;

fn opened(config: &StorageConfig) -> Result<Arc<dyn Store>, String> {
    open(config).map_err(|error| format!("it does not open: {error}"))
}

fn sled_options(dir: &Path) -> SledOptions {
    let mut options = SledOptions::new(dir);
    options.free_bytes_min = 0;
    options
}

fn sqlite_options(dir: &Path) -> SqliteOptions {
    let mut options = SqliteOptions::new(dir);
    options.free_bytes_min = 0;
    // Copied into the database many times in each trace.
    options.checkpoint_bytes = 100 * 1024;
    options
}

fn sled(dir: &Path) -> Result<Arc<dyn Store>, String> {
    opened(&StorageConfig::Sled(sled_options(dir)))
}

fn sled_without_syncs(dir: &Path) -> Result<Arc<dyn Store>, String> {
    opened(&StorageConfig::Sled(sled_options(dir).without_syncs()))
}

fn sqlite(dir: &Path) -> Result<Arc<dyn Store>, String> {
    opened(&StorageConfig::Sqlite(sqlite_options(dir)))
}

fn sqlite_without_syncs(dir: &Path) -> Result<Arc<dyn Store>, String> {
    opened(&StorageConfig::Sqlite(sqlite_options(dir).without_syncs()))
}

/// What a run has come to.
#[derive(Debug, Default)]
struct Outcome {
    images: usize,
    bad: Vec<String>,
}

/// In memory where the system has such a folder: images are made and thrown away by thousands.
pub(super) fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        tempfile::tempdir_in(memory).unwrap()
    } else {
        tempfile::tempdir().unwrap()
    }
}

pub(super) fn seed() -> u64 {
    let asked = std::env::var("PARTYKIT_POWER_SEED").ok();
    asked.map_or_else(
        || {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            now.as_nanos() as u64
        },
        |seed| seed.parse().unwrap(),
    )
}

/// Makes as many images, in traces beside each other: a store waits more than it works.
fn survives(name: &str, open: Opener) {
    let (seed, images) = (seed(), images().div_ceil(BESIDE));
    std::thread::scope(|scope| {
        let run = |beside| move || run(name, open, seed + beside, images, false);
        let running: Vec<_> = (0..BESIDE as u64)
            .map(|beside| scope.spawn(run(beside)))
            .collect();
        for running in running {
            assert_eq!(running.join().unwrap().bad, Vec::<String>::new());
        }
    });
}

/// Makes traces and images until there are enough, or something is wrong when that is enough.
fn run(name: &str, open: Opener, seed: u64, images: usize, until_bad: bool) -> Outcome {
    println!("{name}: {images} images, PARTYKIT_POWER_SEED={seed}");
    let mut random = Random::new(seed);
    let (temp, mut outcome) = (scratch(), Outcome::default());
    let root = temp.path().canonicalize().unwrap();
    let mut store = root.join("0");
    begin(name, &store, &mut random);
    for trace in 0.. {
        let next = root.join((trace + 1).to_string());
        let survivor = of_a_trace(open, &store, &next, &mut random, &mut outcome);
        std::fs::remove_dir_all(&store).unwrap();
        if outcome.images >= images || (until_bad && !outcome.bad.is_empty()) {
            break;
        }
        // The next trace goes on where an image of this one was left, or begins anew: then making
        // a store is among what is interrupted.
        store = next;
        if !survivor || trace % TRACES_OF_A_STORE == TRACES_OF_A_STORE - 1 {
            drop(std::fs::remove_dir_all(&store));
            begin(name, &store, &mut random);
        }
    }
    println!(
        "{name}: {} images, {} bad",
        outcome.images,
        outcome.bad.len()
    );
    outcome
}

/// Where a new store will be; for SQLite sometimes one of an older format that will be upgraded.
fn begin(name: &str, dir: &Path, random: &mut Random) {
    std::fs::create_dir(dir).unwrap();
    if name == "sqlite" && random.below(3) == 0 {
        of_format_1(dir);
    }
}

/// One trace on a store and its images. Leaves one of these that was good at `next`.
fn of_a_trace(
    open: Opener,
    dir: &Path,
    next: &Path,
    random: &mut Random,
    outcome: &mut Outcome,
) -> bool {
    let mut disk = Disk::of(dir);
    let (load, events) = trace(open, dir, random);
    let mut moments: Vec<usize> = (0..IMAGES_OF_A_TRACE)
        .map(|_| 1 + random.below(events.len()))
        .collect();
    moments.sort_unstable();
    let (mut acknowledged, mut begun, mut done) = (0, 0, 0);
    let image = dir.with_extension("image");
    let mut survivor = false;
    for moment in moments {
        for event in &events[done..moment] {
            disk.apply(event);
            match event {
                Event::Mark(Mark::Begun(number)) => begun = *number,
                Event::Mark(Mark::Acknowledged(number)) => acknowledged = *number,
                _ => {}
            }
        }
        done = moment;
        std::fs::create_dir(&image).unwrap();
        let fate = disk.image(&image, random);
        outcome.images += 1;
        match check(open, &image, &load, acknowledged, begun) {
            Ok(()) => {
                drop(std::fs::remove_dir_all(next));
                std::fs::rename(&image, next).unwrap();
                survivor = true;
            }
            Err(what) => {
                let of = events.len();
                println!(
                    "image {}: event {moment} of {of}, {fate:?}: {what}",
                    outcome.images
                );
                outcome.bad.push(what);
                std::fs::remove_dir_all(&image).unwrap();
            }
        }
    }
    events[done..].iter().for_each(|event| disk.apply(event));
    survivor
}

/// Everything that a store does to its folder while it is opened, used, closed, opened, used.
fn trace(open: Opener, dir: &Path, random: &mut Random) -> (Load, Vec<Event>) {
    let watch = Watch::begin(dir);
    let mut store = open(dir).unwrap();
    let mut load = Load::of(&*store, random);
    for number in 0..COMMITS {
        if number == COMMITS_BEFORE_REOPENING {
            store.close().unwrap();
            drop(store);
            store = open(dir).unwrap();
        }
        load.commit(&*store, &watch, random);
    }
    // Recorded to the last acknowledgement; what closing does now comes too late to help.
    let events = watch.end();
    store.close().unwrap();
    (load, events)
}

fn check(
    open: Opener,
    image: &Path,
    load: &Load,
    acknowledged: usize,
    begun: usize,
) -> Result<(), String> {
    let store = open(image)?;
    load.check(&store, acknowledged, begun)?;
    let report = store.check().map_err(|error| error.to_string())?;
    if !report.is_sound() {
        return Err(format!("it is damaged: {:?}", report.problems));
    }
    let again = store.commit(vec![batch(&room("other"), vec![put("k", "v")])]);
    if let Err(error) = &again[0] {
        return Err(format!("it commits nothing more: {error}"));
    }
    store.close().map_err(|error| error.to_string())
}

fn images() -> usize {
    if let Ok(asked) = std::env::var("PARTYKIT_POWER_IMAGES") {
        return asked.parse().unwrap();
    }
    if long() { IMAGES_LONG } else { IMAGES_SHORT }
}

#[test]
fn sled_survives_every_loss_of_power() {
    survives("sled", sled);
}

#[test]
fn sqlite_survives_every_loss_of_power() {
    survives("sqlite", sqlite);
}

#[test]
fn sled_without_its_syncs_is_caught() {
    let outcome = run(
        "sled without syncs",
        sled_without_syncs,
        seed(),
        IMAGES_SHORT,
        true,
    );
    assert!(!outcome.bad.is_empty(), "{outcome:?}");
}

#[test]
fn sqlite_without_its_syncs_is_caught() {
    let outcome = run(
        "sqlite without syncs",
        sqlite_without_syncs,
        seed(),
        IMAGES_SHORT,
        true,
    );
    assert!(!outcome.bad.is_empty(), "{outcome:?}");
}

/// Calls that the recorder did not see would make every image a fiction.
#[test]
fn the_record_has_everything_that_is_in_the_files() {
    for (name, open) in [("sled", sled as Opener), ("sqlite", sqlite)] {
        let temp = scratch();
        let dir: PathBuf = temp.path().canonicalize().unwrap();
        let mut disk = Disk::of(&dir);
        let watch = Watch::begin(&dir);
        let mut random = Random::new(0x5eed);
        let store = open(&dir).unwrap();
        let mut load = Load::of(&*store, &mut random);
        (0..COMMITS).for_each(|_| load.commit(&*store, &watch, &mut random));
        store.close().unwrap();
        drop(store);
        // sled's threads may still be writing for a moment: its lock goes with the last of them.
        if let Ok(log) = std::fs::File::open(dir.join("sled/db")) {
            log.lock().unwrap();
        }
        let events = watch.end();
        events.iter().for_each(|event| disk.apply(event));
        assert_eq!(disk.agrees_with_reality(), Ok(()), "{name}");
        let mapped = disk.mapped();
        let index = |path: &PathBuf| path.to_string_lossy().ends_with("-shm");
        assert!(mapped.iter().all(index), "{name} maps {mapped:?}");
    }
}
