//! Into a store. Everything is looked at before anything is written: the source as a whole, and
//! whether each room can take what comes.
//!
//! A room that fits into one batch is there whole or not at all. A larger one is written in pieces,
//! its alarm with the last; one that was interrupted is completed by the same import again.

use std::sync::Arc;

use bytes::Bytes;
use partykit_core::{
    Alarm, Entry, Range, ReadError, RoomBatch, RoomKey, RoomReader, Store, WriteOp,
};

use super::{Progress, Source, Taker, TransferError};

/// A room's writes are durable together up to this: what fits into the memory of any machine.
const ROOM_BATCH_BYTES: usize = 8 << 20;

/// Rooms that are written with one sync.
const GROUP_BYTES: usize = 4 << 20;

/// Where rooms go, and what becomes of those that are there.
pub(crate) struct Destination {
    pub(crate) store: Arc<dyn Store>,
    /// Rooms forget what they have stored before.
    pub(crate) replace: bool,
}

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Imported {
    pub(crate) rooms: u64,
    pub(crate) keys: u64,
    pub(crate) alarms: u64,
}

/// Checks, and writes. `open` is asked for the store when the source is known to be whole.
///
/// # Errors
/// What is wrong with the source or in the store's way; nothing was written then. Or the store
/// failed in between.
pub(crate) fn import(
    source: &dyn Source,
    open: impl FnOnce() -> Result<Destination, TransferError>,
    progress: &Progress,
) -> Result<Imported, TransferError> {
    progress.begin("Checking");
    let mut survey = Imported::default();
    source.each(&mut survey, progress)?;
    let into = open()?;
    let store = &into.store;
    if !into.replace && !store.rooms(None, 1)?.is_empty() {
        progress.begin("Comparing");
        let mut compare = Compare { store, now: None };
        source.each(&mut compare, progress)?;
    }
    progress.begin("Importing");
    let mut writer = Writer {
        store,
        replace: into.replace,
        group: Vec::new(),
        group_bytes: 0,
        room_bytes: 0,
        alarm: None,
        durable: 0,
    };
    source.each(&mut writer, progress)?;
    writer.commit()?;
    Ok(survey)
}

/// Only counts.
impl Taker for Imported {
    fn room(&mut self, _: &RoomKey, alarm: Option<Alarm>) -> Result<(), TransferError> {
        self.rooms += 1;
        self.alarms += u64::from(alarm.is_some());
        Ok(())
    }

    fn entry(&mut self, _: String, _: Bytes) -> Result<(), TransferError> {
        self.keys += 1;
        Ok(())
    }

    fn room_ends(&mut self) -> Result<(), TransferError> {
        Ok(())
    }
}

/// Whether what is stored is a part of what comes.
struct Compare<'s> {
    store: &'s Arc<dyn Store>,
    now: Option<(RoomKey, Stored)>,
}

/// What a room has stored, from where it has been compared.
struct Stored {
    rest: Box<dyn Iterator<Item = Result<Entry, ReadError>> + Send>,
    next: Option<Entry>,
}

impl Stored {
    fn of(reader: &dyn RoomReader) -> Result<Self, ReadError> {
        let mut rest = reader.range(&Range::default());
        let next = rest.next().transpose()?;
        Ok(Self { rest, next })
    }
}

impl Taker for Compare<'_> {
    fn room(&mut self, room: &RoomKey, alarm: Option<Alarm>) -> Result<(), TransferError> {
        let reader = self.store.reader(room);
        let stored = reader.alarm()?;
        if stored.is_some() && stored != alarm {
            return Err(TransferError::Taken { room: room.clone() });
        }
        self.now = Some((room.clone(), Stored::of(&*reader)?));
        Ok(())
    }

    fn entry(&mut self, key: String, value: Bytes) -> Result<(), TransferError> {
        let Some((room, stored)) = &mut self.now else {
            return Ok(());
        };
        let Some(next) = &stored.next else {
            return Ok(());
        };
        // Both are in the order of their keys.
        if next.0 < key || (next.0 == key && next.1 != value) {
            return Err(TransferError::Taken { room: room.clone() });
        }
        if next.0 == key {
            stored.next = stored.rest.next().transpose()?;
        }
        Ok(())
    }

    fn room_ends(&mut self) -> Result<(), TransferError> {
        match self.now.take() {
            Some((room, stored)) if stored.next.is_some() => Err(TransferError::Taken { room }),
            _ => Ok(()),
        }
    }
}

struct Writer<'s> {
    store: &'s Arc<dyn Store>,
    replace: bool,
    /// What is not committed yet; the last one is the room that is being read.
    group: Vec<RoomBatch>,
    /// Of the rooms before that one.
    group_bytes: usize,
    /// Of that one.
    room_bytes: usize,
    /// The same one's: written with its last piece, so that it does not fire before.
    alarm: Option<Alarm>,
    /// Rooms that are there as a whole.
    durable: u64,
}

impl Writer<'_> {
    fn write(&mut self, write: WriteOp) {
        if let Some(batch) = self.group.last_mut() {
            batch.writes.push(write);
        }
    }

    fn commit(&mut self) -> Result<(), TransferError> {
        let mut batches = std::mem::take(&mut self.group);
        self.group_bytes = 0;
        let rooms = batches.len() as u64;
        // A room may have nothing but its name.
        batches.retain(|batch| !batch.writes.is_empty());
        let results = self.store.commit(batches);
        if let Some(source) = results.into_iter().find_map(Result::err) {
            let done = self.durable;
            return Err(TransferError::Write { done, source });
        }
        self.durable += rooms;
        Ok(())
    }

    /// What there is so far of a room that is too large for one batch.
    fn commit_piece(&mut self) -> Result<(), TransferError> {
        let Some(room) = self.group.last().map(|batch| batch.room.clone()) else {
            return Ok(());
        };
        self.commit()?;
        self.durable -= 1;
        self.room_bytes = 0;
        self.begin(room);
        Ok(())
    }

    fn begin(&mut self, room: RoomKey) {
        self.group.push(RoomBatch {
            room,
            epoch: 1,
            writes: Vec::new(),
        });
    }
}

impl Taker for Writer<'_> {
    fn room(&mut self, room: &RoomKey, alarm: Option<Alarm>) -> Result<(), TransferError> {
        if self.group_bytes >= GROUP_BYTES {
            self.commit()?;
        }
        self.alarm = alarm;
        self.room_bytes = 0;
        self.begin(room.clone());
        if self.replace {
            self.write(WriteOp::DeleteAll);
            self.write(WriteOp::Alarm(None));
        }
        Ok(())
    }

    fn entry(&mut self, key: String, value: Bytes) -> Result<(), TransferError> {
        let bytes = key.len() + value.len();
        if self.room_bytes > 0 && self.room_bytes + bytes > ROOM_BATCH_BYTES {
            self.commit_piece()?;
        }
        self.room_bytes += bytes;
        self.write(WriteOp::Put { key, value });
        Ok(())
    }

    fn room_ends(&mut self) -> Result<(), TransferError> {
        if let Some(alarm) = self.alarm.take() {
            self.write(WriteOp::Alarm(Some(alarm)));
        }
        self.group_bytes += self.room_bytes;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use partykit_core::{
        CommitError, CommitSeq, PartyName, ProjectName, RoomAlarm, RoomId, RoomReader,
    };

    use super::*;

    const MIB: usize = 1 << 20;

    /// Rooms by their names, each of so many values of a MiB.
    struct Given(Vec<(&'static str, usize)>);

    impl Source for Given {
        fn each(&self, taker: &mut dyn Taker, _: &Progress) -> Result<(), TransferError> {
            for (name, values) in &self.0 {
                let room = RoomKey {
                    project: ProjectName::parse("p").unwrap(),
                    party: PartyName::main(),
                    room: RoomId::parse(name).unwrap(),
                };
                let alarm = Alarm {
                    at_ms: 5,
                    failures: 0,
                };
                taker.room(&room, Some(alarm))?;
                for number in 0..*values {
                    taker.entry(format!("{number:03}"), vec![0; MIB - 3].into())?;
                }
                taker.room_ends()?;
            }
            Ok(())
        }

        fn length(&self) -> u64 {
            0
        }
    }

    /// Notes what it is told to write, and has nothing.
    #[derive(Default)]
    struct Notes(Mutex<Vec<Vec<String>>>);

    impl Store for Notes {
        fn commit(&self, batches: Vec<RoomBatch>) -> Vec<Result<CommitSeq, CommitError>> {
            let told = batches.iter().map(|batch| {
                let writes = batch.writes.iter().map(|write| match write {
                    WriteOp::Put { .. } => 'v',
                    WriteOp::Delete { .. } => '-',
                    WriteOp::DeleteAll => '0',
                    WriteOp::Alarm(Some(_)) => 'a',
                    WriteOp::Alarm(None) => 'n',
                });
                format!("{} {}", batch.room.room, writes.collect::<String>())
            });
            self.0.lock().unwrap().push(told.collect());
            batches.iter().map(|_| Ok(CommitSeq(1))).collect()
        }

        fn reader(&self, _: &RoomKey) -> Box<dyn RoomReader> {
            unreachable!("an empty store is not compared with")
        }

        fn alarms(
            &self,
            _: Option<&RoomAlarm>,
            _: u64,
            _: usize,
        ) -> Result<Vec<RoomAlarm>, ReadError> {
            Ok(Vec::new())
        }

        fn rooms(&self, _: Option<&RoomKey>, _: usize) -> Result<Vec<RoomKey>, ReadError> {
            Ok(Vec::new())
        }

        fn close(&self) -> Result<(), CommitError> {
            Ok(())
        }
    }

    fn committed(rooms: &[(&'static str, usize)], replace: bool) -> Vec<Vec<String>> {
        let notes = Arc::new(Notes::default());
        let store: Arc<dyn Store> = notes.clone();
        let open = || Ok(Destination { store, replace });
        let done = import(&Given(rooms.to_vec()), open, &Progress::new(false, 0)).unwrap();
        assert_eq!(done.rooms, rooms.len() as u64);
        std::mem::take(&mut notes.0.lock().unwrap())
    }

    #[test]
    fn a_room_that_fits_is_one_batch_however_many_come_with_it() {
        let rooms = [("a", 1), ("b", 2), ("c", 8), ("d", 1), ("none", 0)];
        assert_eq!(
            committed(&rooms, false),
            [vec!["a va", "b vva", "c vvvvvvvva"], vec!["d va", "none a"]]
        );
    }

    #[test]
    fn a_larger_one_comes_in_pieces_with_its_alarm_at_the_end() {
        assert_eq!(
            committed(&[("a", 1), ("b", 18), ("c", 1)], true),
            [
                vec!["a 0nva", "b 0nvvvvvvvv"],
                vec!["b vvvvvvvv"],
                vec!["b vva", "c 0nva"],
            ]
        );
    }
}
