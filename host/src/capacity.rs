//! How many rooms can have memory of their own at one time: the least of what this machine gives a
//! process of four kinds of things, each with a margin for everything that is no room.

use std::fmt;
use std::fs::read_to_string;
use std::path::Path;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Mappings that a room's memory consists of: the image, what was grown behind it, and the rest
/// of the reservation.
const MAPPINGS_A_ROOM: u64 = 3;

/// Linux's `vm.max_map_count` where it cannot be read; other systems count none.
const MAPPINGS_DEFAULT: u64 = 65_530;

/// Mappings of the process itself: code, stacks, heaps, files, images.
const OTHER_MAPPINGS: u64 = 2_000;

/// Reservations of 4 GiB and their guards that fit into 47 bits, less a margin for whatever else
/// the process maps.
const RESERVATIONS: u64 = 32_000;

/// Descriptors of the process itself: files, listeners, connections that are only HTTP.
const OTHER_DESCRIPTORS: u64 = 1_000;

/// Memory that a small room takes with one connection, the host's share of it included
/// (bench/RESULTS.md). Rooms may take up to `memory_bytes_max` each: a machine full of large ones
/// is told a number of its own.
const ROOM_BYTES: u64 = 128 << 10;

/// Memory of the process itself: code, images, the store's caches.
const OTHER_BYTES: u64 = 256 << 20;

/// What bounds the number of rooms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Bound {
    /// `max_resident_rooms` was set.
    Configured,
    /// Memory mappings: `vm.max_map_count`.
    Mappings,
    /// Address space.
    AddressSpace,
    /// Descriptors of this process: most rooms have at least one connection.
    Descriptors,
    /// Memory of this machine, or of the cgroup that the process is in.
    Memory,
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Configured => "as configured",
            Self::Mappings => "by vm.max_map_count",
            Self::AddressSpace => "by address space",
            Self::Descriptors => "by the limit of descriptors, ulimit -n",
            Self::Memory => "by memory, at 128 KiB a room",
        })
    }
}

/// How many rooms there may be, and why not more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// So many rooms.
    pub rooms: usize,
    /// What bounds them.
    pub bound: Bound,
}

impl Capacity {
    /// `configured` rooms; without that, as many as this machine allows.
    #[must_use]
    pub(crate) fn of_machine(configured: Option<usize>) -> Self {
        match configured {
            Some(rooms) => Self {
                rooms,
                bound: Bound::Configured,
            },
            None => least(mappings(), descriptors(), memory_bytes()),
        }
    }
}

/// Raises the number of descriptors that this process may have to what it is allowed to raise it
/// to. Shells give 1,024 of them, for programs that use `select`; this one does not.
pub(crate) fn raise_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    // Where it cannot be raised, what there is must do, and the capacity says so.
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    );
}

fn least(mappings: Option<u64>, descriptors: Option<u64>, memory: Option<u64>) -> Capacity {
    let mapped = mappings.map(|all| all.saturating_sub(OTHER_MAPPINGS) / MAPPINGS_A_ROOM);
    let described = descriptors.map(|all| all.saturating_sub(OTHER_DESCRIPTORS).max(all / 2));
    // A machine that has no memory to spare still has a room.
    let held = memory.map(|all| (all.saturating_sub(OTHER_BYTES) / ROOM_BYTES).max(1));
    let candidates = [
        (mapped.unwrap_or(u64::MAX), Bound::Mappings),
        (RESERVATIONS, Bound::AddressSpace),
        (described.unwrap_or(u64::MAX), Bound::Descriptors),
        (held.unwrap_or(u64::MAX), Bound::Memory),
    ];
    let (rooms, bound) = candidates
        .into_iter()
        .min_by_key(|(rooms, _)| *rooms)
        .unwrap_or((RESERVATIONS, Bound::AddressSpace));
    Capacity {
        rooms: usize::try_from(rooms).unwrap_or(usize::MAX),
        bound,
    }
}

fn mappings() -> Option<u64> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let text = std::fs::read_to_string("/proc/sys/vm/max_map_count");
    let count = text.ok().and_then(|text| text.trim().parse().ok());
    Some(count.unwrap_or(MAPPINGS_DEFAULT))
}

fn descriptors() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// What this process may use: of the machine, or less where a cgroup says so.
fn memory_bytes() -> Option<u64> {
    let machine = read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| machine_bytes(&text));
    let groups = read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limits = groups
        .lines()
        .filter_map(|line| cgroup_bytes(Path::new("/sys/fs/cgroup"), line));
    limits.chain(machine).min()
}

fn machine_bytes(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find(|line| line.starts_with("MemTotal:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

/// The least limit of the group in a line of /proc/self/cgroup and of those around it. Version 2
/// has one hierarchy and files `memory.max`; version 1 has one for memory.
fn cgroup_bytes(mounted: &Path, line: &str) -> Option<u64> {
    let mut parts = line.splitn(3, ':');
    let (number, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
    let (root, file) = match (number, controllers) {
        ("0", "") => (mounted.to_owned(), "memory.max"),
        _ if controllers.split(',').any(|name| name == "memory") => {
            (mounted.join("memory"), "memory.limit_in_bytes")
        }
        _ => return None,
    };
    // "max", and a file that is not there, are no limit. In a container the path may be one that
    // only the host of the container can see: then the group's own files are at the root.
    let limit = |group: &Path| {
        let text = read_to_string(root.join(group).join(file)).ok()?;
        text.trim().parse::<u64>().ok()
    };
    let group = Path::new(path.trim_start_matches('/'));
    group.ancestors().filter_map(limit).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scarcest_thing_decides() {
        let rooms = |mappings, descriptors| {
            let capacity = least(Some(mappings), Some(descriptors), Some(64 << 30));
            (capacity.rooms, capacity.bound)
        };
        assert_eq!(rooms(65_530, 20_000), (19_000, Bound::Descriptors));
        assert_eq!(rooms(65_530, 1 << 20), (21_176, Bound::Mappings));
        assert_eq!(rooms(1 << 20, 1 << 20), (32_000, Bound::AddressSpace));
        assert_eq!(rooms(65_530, 1_024), (512, Bound::Descriptors));
        assert_eq!(least(None, None, None).bound, Bound::AddressSpace);
        let small = least(Some(65_530), Some(20_000), Some(512 << 20));
        assert_eq!((small.rooms, small.bound), (2_048, Bound::Memory));
        assert_eq!(least(None, None, Some(1)).rooms, 1);
    }

    #[test]
    fn the_least_limit_of_a_group_and_of_those_around_it_counts() {
        let mounted = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| {
            let file = mounted.path().join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        };
        write("memory.max", "max\n");
        write("a/memory.max", "1000\n");
        write("a/b/memory.max", "2000\n");
        write("memory/c/memory.limit_in_bytes", "3000\n");
        let limit = |line: &str| cgroup_bytes(mounted.path(), line);
        assert_eq!(limit("0::/a/b"), Some(1000));
        assert_eq!(limit("0::/"), None);
        assert_eq!(limit("0::/elsewhere/d"), None);
        assert_eq!(limit("9:cpu,memory:/c"), Some(3000));
        assert_eq!(limit("8:cpu:/c"), None);
        assert_eq!(limit("nonsense"), None);
    }

    #[test]
    fn the_memory_of_a_machine_is_read() {
        let text = "MemTotal:       2048 kB\nMemFree: 1 kB\n";
        assert_eq!(machine_bytes(text), Some(2 << 20));
        assert_eq!(machine_bytes("nothing"), None);
    }

    #[test]
    fn what_was_configured_is_taken_as_it_is() {
        let capacity = Capacity::of_machine(Some(7));
        assert_eq!((capacity.rooms, capacity.bound), (7, Bound::Configured));
    }
}
