//! A loss of power while a store is restored: afterwards there is the whole store, or none and the
//! restoration can be begun again; never a part that is taken for one.

use std::path::Path;

use partykit_storage::conformance::Random;
use partykit_storage::{StorageConfig, StorageError, open, upkeep};

use super::disk::Disk;
use super::run::{scratch, seed};
use crate::long;
use crate::restoring::has_all;
use crate::trace::{Event, Mark, Watch};
use crate::upkeep::backup_file;

const IMAGES_OF_A_TRACE: usize = 20;
const TRACES_SHORT: usize = 6;
const TRACES_LONG: usize = 100;

/// Where within the disk, and whether that is there before.
const PLACES: [&str; 3] = ["", "new/deep", "there"];

/// What came of an image.
#[derive(Debug, Default)]
struct Seen {
    whole: usize,
    begun_again: usize,
}

#[test]
fn a_restoration_that_loses_power_is_whole_or_begun_again() {
    let seed = seed();
    println!("PARTYKIT_POWER_SEED={seed}");
    let mut random = Random::new(seed);
    let temp = scratch();
    let root = temp.path().canonicalize().unwrap();
    let (file, _) = backup_file(&root);
    let traces = if long() { TRACES_LONG } else { TRACES_SHORT };
    for backend in ["sqlite", "sled"] {
        let mut seen = Seen::default();
        for trace in 0..traces {
            let within = PLACES[trace % PLACES.len()];
            of_a_trace(&root, within, (&file, backend), &mut random, &mut seen);
        }
        println!("{backend}: {seen:?}");
        assert!(seen.whole > 0 && seen.begun_again > 0, "{seen:?}");
    }
}

fn of_a_trace(
    root: &Path,
    within: &str,
    (file, backend): (&Path, &str),
    random: &mut Random,
    seen: &mut Seen,
) {
    let dir = root.join("disk");
    std::fs::create_dir(&dir).unwrap();
    if within == "there" {
        std::fs::create_dir(dir.join(within)).unwrap();
    }
    let mut disk = Disk::of(&dir);
    let watch = Watch::begin(&dir);
    upkeep::restore(file, &dir.join(within), backend).unwrap();
    watch.mark(Mark::Acknowledged(1));
    let events = watch.end();
    let mut moments: Vec<usize> = (0..IMAGES_OF_A_TRACE)
        // The last steps are few events and matter most.
        .map(|image| match image % 3 {
            0 => events.len() - random.below(events.len().min(16)),
            _ => 1 + random.below(events.len()),
        })
        .collect();
    moments.sort_unstable();
    let (mut done, mut acknowledged) = (0, false);
    let image = root.join("image");
    for moment in moments {
        for event in &events[done..moment] {
            disk.apply(event);
            acknowledged |= matches!(event, Event::Mark(_));
        }
        done = moment;
        std::fs::create_dir(&image).unwrap();
        let fate = disk.image(&image, random);
        println!(
            "{backend} in `{within}`, event {moment} of {}, {fate:?}",
            events.len()
        );
        check(&image.join(within), (file, backend), acknowledged, seen);
        std::fs::remove_dir_all(&image).unwrap();
    }
    events[done..].iter().for_each(|event| disk.apply(event));
    assert_eq!(disk.agrees_with_reality(), Ok(()), "{backend}");
    std::fs::remove_dir_all(&dir).unwrap();
}

fn check(dir: &Path, (file, backend): (&Path, &str), acknowledged: bool, seen: &mut Seen) {
    match upkeep::stats(dir) {
        Ok(_) => seen.whole += 1,
        Err(StorageError::NoStore { .. }) if !acknowledged => {
            if dir.join("restoring").exists() {
                let config = StorageConfig::named(backend, dir).unwrap();
                let error = open(&config).err().unwrap();
                assert!(
                    matches!(error, StorageError::HalfRestored { .. }),
                    "{error}"
                );
            }
            upkeep::restore(file, dir, backend).unwrap();
            seen.begun_again += 1;
        }
        Err(error) => panic!("acknowledged: {acknowledged}, {error}"),
    }
    has_all(dir, backend);
}
