//! How many rooms can have memory of their own at one time: the least of what this machine gives a
//! process of three kinds of things, each with a margin for everything that is no room.

use std::fmt;

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
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Configured => "as configured",
            Self::Mappings => "by vm.max_map_count",
            Self::AddressSpace => "by address space",
            Self::Descriptors => "by the limit of descriptors, ulimit -n",
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
            None => least(mappings(), descriptors()),
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

fn least(mappings: Option<u64>, descriptors: Option<u64>) -> Capacity {
    let mapped = mappings.map(|all| all.saturating_sub(OTHER_MAPPINGS) / MAPPINGS_A_ROOM);
    let described = descriptors.map(|all| all.saturating_sub(OTHER_DESCRIPTORS).max(all / 2));
    let candidates = [
        (mapped.unwrap_or(u64::MAX), Bound::Mappings),
        (RESERVATIONS, Bound::AddressSpace),
        (described.unwrap_or(u64::MAX), Bound::Descriptors),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scarcest_thing_decides() {
        let rooms = |mappings, descriptors| {
            let capacity = least(Some(mappings), Some(descriptors));
            (capacity.rooms, capacity.bound)
        };
        assert_eq!(rooms(65_530, 20_000), (19_000, Bound::Descriptors));
        assert_eq!(rooms(65_530, 1 << 20), (21_176, Bound::Mappings));
        assert_eq!(rooms(1 << 20, 1 << 20), (32_000, Bound::AddressSpace));
        assert_eq!(rooms(65_530, 1_024), (512, Bound::Descriptors));
        assert_eq!(least(None, None).bound, Bound::AddressSpace);
    }

    #[test]
    fn what_was_configured_is_taken_as_it_is() {
        let capacity = Capacity::of_machine(Some(7));
        assert_eq!((capacity.rooms, capacity.bound), (7, Bound::Configured));
    }
}
