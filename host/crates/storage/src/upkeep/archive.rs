//! The file of a backup: every value of a store, in the order of keys, then every alarm, for any
//! backend to restore.
//!
//! A line of text says what it is and in which version. Frames follow: length and checksum, four
//! bytes each, then one byte for the kind and its contents. The checksum goes on from the one of
//! the frame before, so that frames in another order, left out or repeated are noticed as changed
//! bytes are. The last frame has the number of values and that of alarms: a file without it is not
//! whole. The index of alarms is left out; restoring makes it anew.
//!
//! Format 1 had no alarms, and one number in its last frame.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use partykit_core::{BackupReport, UpkeepError};
use tempfile::NamedTempFile;

use crate::StorageError;
use crate::alarm;
use crate::directory::sync_directory;
use crate::key::{VALUE, of_no_room, room_of};
use crate::upkeep::Tally;

const MAGIC: &str = "partykit-backup";
/// The newest format that this program writes and reads.
pub(crate) const VERSION: u32 = 2;
/// The first that has alarms.
const WITH_ALARMS: u32 = 2;

const ENTRY: u8 = b'e';
const ALARM: u8 = b'a';
const END: u8 = b'z';

/// Longest first line: magic, version and the end of the line.
const HEAD_BYTES_MAX: u64 = 40;

/// A value has at most the bytes of a batch; a longer frame is not one of ours.
const FRAME_BYTES_MAX: u32 = 160 * 1024 * 1024;

/// How the file is called until it is whole, with random characters before it: two backups of the
/// same name do not write into the same file.
const PARTIAL: &str = ".partial";

/// A backup that is being written. Dropped before it is finished, it leaves nothing.
pub(crate) struct Archive {
    file: BufWriter<NamedTempFile>,
    path: PathBuf,
    sum: u32,
    written: u64,
    tally: Tally,
}

impl Archive {
    pub(crate) fn create(path: &Path) -> Result<Self, UpkeepError> {
        if path.exists() {
            return Err(UpkeepError::Exists(path.to_owned()));
        }
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".");
        let file = tempfile::Builder::new()
            .prefix(&name)
            .suffix(PARTIAL)
            .tempfile_in(folder_of(path))
            .map_err(|error| failed(path, &error))?;
        let mut archive = Self {
            file: BufWriter::with_capacity(1 << 16, file),
            path: path.to_owned(),
            sum: 0,
            written: 0,
            tally: Tally::default(),
        };
        archive.write(format!("{MAGIC} {VERSION}\n").as_bytes())?;
        Ok(archive)
    }

    /// Adds an entry by its raw key; keys come in their order.
    pub(crate) fn add(&mut self, key: &[u8], value: &[u8]) -> Result<(), UpkeepError> {
        if !self.tally.add(key, value.len() as u64) {
            return Err(of_no_room(key).into());
        }
        let len = (key.len() as u32).to_le_bytes();
        self.frame(ENTRY, &[&len, key, value])
    }

    /// Adds an alarm by its raw key and its record; all of them come behind the values.
    pub(crate) fn add_alarm(&mut self, key: &[u8], record: &[u8]) -> Result<(), UpkeepError> {
        if room_of(key.get(1..).unwrap_or_default()).is_none() {
            return Err(of_no_room(key).into());
        }
        alarm::read(key, record)?;
        self.tally.alarms += 1;
        let len = (key.len() as u32).to_le_bytes();
        self.frame(ALARM, &[&len, key, record])
    }

    /// Makes the file durable and gives it its name.
    pub(crate) fn finish(mut self) -> Result<BackupReport, UpkeepError> {
        let counts = [self.tally.keys, self.tally.alarms].map(u64::to_le_bytes);
        self.frame(END, &[counts.as_flattened()])?;
        let report = BackupReport {
            rooms: self.tally.rooms,
            keys: self.tally.keys,
            alarms: self.tally.alarms,
            file_bytes: self.written,
        };
        let path = self.path;
        match named(self.file, &path) {
            Ok(()) => Ok(report),
            // Somebody has put a file there meanwhile.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                Err(UpkeepError::Exists(path))
            }
            Err(error) => Err(failed(&path, &error)),
        }
    }

    fn frame(&mut self, kind: u8, parts: &[&[u8]]) -> Result<(), UpkeepError> {
        let len = 1 + parts.iter().map(|part| part.len() as u64).sum::<u64>();
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        let mut sum = crc32fast::Hasher::new_with_initial(self.sum);
        sum.update(&[kind]);
        parts.iter().for_each(|part| sum.update(part));
        self.sum = sum.finalize();
        self.write(&len.to_le_bytes())?;
        self.write(&self.sum.to_le_bytes())?;
        self.write(&[kind])?;
        parts.iter().try_for_each(|part| self.write(part))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), UpkeepError> {
        self.written += bytes.len() as u64;
        let written = self.file.write_all(bytes);
        written.map_err(|error| failed(&self.path, &error))
    }
}

/// Makes the file durable, then its name. Nothing that has the name is replaced.
fn named(file: BufWriter<NamedTempFile>, path: &Path) -> io::Result<()> {
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    sync_directory(folder_of(path))
}

/// Where a file lies or will lie.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn failed(path: &Path, error: &io::Error) -> UpkeepError {
    let attempt = format!("write the backup {}", path.display());
    let reason = error.to_string();
    UpkeepError::Io { attempt, reason }
}

/// The entries of a backup, each checked; the last item says whether the file was whole.
pub(crate) struct Entries {
    file: BufReader<File>,
    path: PathBuf,
    version: u32,
    sum: u32,
    /// So far.
    values: u64,
    alarms: u64,
    ended: bool,
}

impl Entries {
    pub(crate) fn open(path: &Path) -> Result<Self, StorageError> {
        let file = File::open(path).map_err(|source| match source.kind() {
            ErrorKind::NotFound => missing("backup", path),
            _ => unreadable(path, source),
        })?;
        let mut file = BufReader::with_capacity(1 << 16, file);
        let mut head = Vec::new();
        let mut reading = Read::take(&mut file, HEAD_BYTES_MAX);
        let read = io::BufRead::read_until(&mut reading, b'\n', &mut head);
        read.map_err(|source| unreadable(path, source))?;
        let head = String::from_utf8_lossy(&head);
        let version = match head
            .strip_suffix('\n')
            .and_then(|head| head.split_once(' '))
        {
            Some((MAGIC, version)) => version.parse().ok(),
            _ => None,
        };
        let file_name = path.to_owned();
        match version {
            None => Err(StorageError::NoBackup { file: file_name }),
            Some(found) if found > VERSION => Err(StorageError::NewerBackup {
                file: file_name,
                found,
                supported: VERSION,
            }),
            Some(version) => Ok(Self {
                file,
                path: file_name,
                version,
                sum: 0,
                values: 0,
                alarms: 0,
                ended: false,
            }),
        }
    }

    /// The next entry; none behind the last frame of a whole file.
    fn read(&mut self) -> Result<Option<(Vec<u8>, Bytes)>, StorageError> {
        let len = u32::from_le_bytes(self.bytes()?);
        let sum = u32::from_le_bytes(self.bytes()?);
        if len == 0 || len > FRAME_BYTES_MAX {
            return Err(self.damaged("a length is wrong"));
        }
        let mut frame = vec![0; len as usize];
        self.fill(&mut frame)?;
        let mut hasher = crc32fast::Hasher::new_with_initial(self.sum);
        hasher.update(&frame);
        self.sum = hasher.finalize();
        if self.sum != sum {
            return Err(self.damaged("a checksum is wrong"));
        }
        let (kind, rest) = match frame.split_first() {
            Some((kind, rest)) => (*kind, rest),
            None => return Err(self.damaged("a frame is empty")),
        };
        let of = match kind {
            ENTRY => VALUE,
            ALARM if self.version >= WITH_ALARMS => alarm::ALARM,
            END if rest == self.counts() => return self.at_end().map(|()| None),
            _ => return Err(self.damaged("a frame cannot be understood")),
        };
        let entry = split_entry(rest).filter(|(key, _)| key.first() == Some(&of));
        let entry = entry.ok_or_else(|| self.damaged("an entry cannot be understood"))?;
        match of {
            VALUE => self.values += 1,
            _ => self.alarms += 1,
        }
        Ok(Some(entry))
    }

    /// What the last frame must have.
    fn counts(&self) -> Vec<u8> {
        let numbers = [self.values, self.alarms];
        let known = if self.version >= WITH_ALARMS { 2 } else { 1 };
        let numbers = numbers.iter().take(known);
        numbers.flat_map(|number| number.to_le_bytes()).collect()
    }

    fn at_end(&mut self) -> Result<(), StorageError> {
        let mut byte = [0];
        match self.file.read(&mut byte) {
            Ok(0) => Ok(()),
            Ok(_) => Err(self.damaged("something follows its end")),
            Err(error) => Err(unreadable(&self.path, error)),
        }
    }

    fn bytes(&mut self) -> Result<[u8; 4], StorageError> {
        let mut bytes = [0; 4];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), StorageError> {
        let filled = self.file.read_exact(bytes);
        filled.map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => self.damaged("its end is missing"),
            _ => unreadable(&self.path, error),
        })
    }

    fn damaged(&self, what: &str) -> StorageError {
        StorageError::DamagedBackup {
            file: self.path.clone(),
            what: format!("{what} after {} entries", self.values + self.alarms),
        }
    }
}

impl Iterator for Entries {
    type Item = Result<(Vec<u8>, Bytes), StorageError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let entry = self.read().transpose();
        self.ended = !matches!(entry, Some(Ok(_)));
        entry
    }
}

fn split_entry(entry: &[u8]) -> Option<(Vec<u8>, Bytes)> {
    let (len, rest) = entry.split_first_chunk()?;
    let (key, value) = rest.split_at_checked(u32::from_le_bytes(*len) as usize)?;
    Some((key.to_vec(), Bytes::copy_from_slice(value)))
}

pub(crate) fn missing(what: &'static str, path: &Path) -> StorageError {
    let path = path.to_owned();
    StorageError::Missing { what, path }
}

fn unreadable(path: &Path, source: io::Error) -> StorageError {
    let dir = path.to_owned();
    let attempt = "read the backup";
    StorageError::Io {
        dir,
        attempt,
        source,
    }
}
