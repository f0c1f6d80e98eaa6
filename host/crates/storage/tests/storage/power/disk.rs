//! What a disk may have after a loss of power. Owns the model of a disk, and knows no store.
//!
//! Durable is what a completed sync covers: of a file, what was written before the sync began; of a
//! folder, the names. Of the rest any part may have arrived, in ways that are kinder or crueller
//! ([`Fate`]). The names of one folder arrive in their order, as journals of file systems have it.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use partykit_storage::conformance::Random;

use crate::trace::{Change, Event, FileId};

/// The unit in which a kernel writes back what it has cached.
const PAGE: usize = 4096;
/// The unit that a disk writes as a whole.
const SECTOR: usize = 512;

/// How the writes that no sync covers fare in one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// None arrives.
    Lost,
    /// All arrive.
    Kept,
    /// Each as a whole arrives or does not.
    Subset,
    /// Each page arrives as it was at some moment.
    Pages,
    /// Each sector of each write arrives or does not.
    Sectors,
}

impl Fate {
    fn any(random: &mut Random) -> Self {
        match random.below(12) {
            0 => Self::Lost,
            1 => Self::Kept,
            2..=4 => Self::Subset,
            5..=8 => Self::Pages,
            _ => Self::Sectors,
        }
    }
}

#[derive(Debug, Clone)]
enum Op {
    Write { at: usize, bytes: Vec<u8> },
    Truncate { len: usize },
}

#[derive(Default)]
struct Contents {
    durable: Vec<u8>,
    pending: Vec<Op>,
    /// Written through a mapping: whatever it has is left to chance.
    mapped: bool,
}

/// An entry of a folder: a file or a folder, by its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    File(usize),
    Folder(usize),
}

#[derive(Debug, Clone)]
enum Naming {
    Put(OsString, Node),
    Remove(OsString),
}

/// Names within one folder, whatever its own is.
#[derive(Default)]
struct Folder {
    durable: BTreeMap<OsString, Node>,
    pending: Vec<Naming>,
}

/// The folder that is watched.
const ROOT: usize = 0;

/// A disk while the calls of a trace arrive.
pub(crate) struct Disk {
    root: PathBuf,
    files: Vec<Contents>,
    /// The newest file of each identity: the system uses them again.
    by_id: HashMap<FileId, usize>,
    /// The names as a running process sees them.
    names: BTreeMap<PathBuf, Node>,
    folders: Vec<Folder>,
    /// What each sync under way will have made durable.
    syncs: HashMap<u64, Covered>,
}

enum Covered {
    File(usize, usize),
    Folder(usize, usize),
}

impl Disk {
    /// Everything that is below the folder now is durable.
    pub(crate) fn of(root: &Path) -> Self {
        let mut disk = Self {
            root: root.to_owned(),
            files: Vec::new(),
            by_id: HashMap::new(),
            names: BTreeMap::new(),
            folders: vec![Folder::default()],
            syncs: HashMap::new(),
        };
        disk.take_in(root, ROOT);
        disk
    }

    fn take_in(&mut self, path: &Path, folder: usize) {
        use std::os::unix::fs::MetadataExt;
        for entry in fs::read_dir(path).unwrap() {
            let entry = entry.unwrap();
            let (path, found) = (entry.path(), entry.metadata().unwrap());
            let node = if found.is_dir() {
                let index = self.new_folder();
                self.take_in(&path, index);
                Node::Folder(index)
            } else {
                let index = self.new_file(FileId(found.ino()));
                self.files[index].durable = fs::read(&path).unwrap();
                Node::File(index)
            };
            self.folders[folder].durable.insert(entry.file_name(), node);
            self.names.insert(path, node);
        }
    }

    fn new_folder(&mut self) -> usize {
        self.folders.push(Folder::default());
        self.folders.len() - 1
    }

    /// The folder of that name now.
    fn folder(&self, path: &Path) -> Option<usize> {
        match self.names.get(path) {
            _ if path == self.root => Some(ROOT),
            Some(Node::Folder(index)) => Some(*index),
            _ => None,
        }
    }

    fn new_file(&mut self, id: FileId) -> usize {
        self.files.push(Contents::default());
        self.by_id.insert(id, self.files.len() - 1);
        self.files.len() - 1
    }

    /// The next thing that happens.
    pub(crate) fn apply(&mut self, event: &Event) {
        match event {
            Event::Change { path, file, change } => self.change(path, *file, change),
            Event::SyncBegins { id, path, file } => {
                let covered = if let Some(folder) = self.folder(path) {
                    Some(Covered::Folder(folder, self.folders[folder].pending.len()))
                } else {
                    let index = file.and_then(|file| self.by_id.get(&file).copied());
                    index.map(|index| Covered::File(index, self.files[index].pending.len()))
                };
                if let Some(covered) = covered {
                    self.syncs.insert(*id, covered);
                }
            }
            Event::SyncEnds { id } => match self.syncs.remove(id) {
                Some(Covered::File(index, count)) => self.sync_file(index, count),
                Some(Covered::Folder(index, count)) => self.sync_folder(index, count),
                None => {}
            },
            Event::Mark(_) => {}
        }
    }

    fn change(&mut self, path: &Path, file: Option<FileId>, change: &Change) {
        let known = file.and_then(|file| self.by_id.get(&file).copied());
        match (change, known) {
            (Change::Write { at, bytes }, Some(index)) => {
                let (at, bytes) = (*at as usize, bytes.clone());
                self.files[index].pending.push(Op::Write { at, bytes });
            }
            (Change::Truncate { len }, Some(index)) => {
                let len = *len as usize;
                self.files[index].pending.push(Op::Truncate { len });
            }
            (Change::Map, Some(index)) => self.files[index].mapped = true,
            (Change::Make, _) => {
                let index = self.new_file(file.unwrap());
                self.put(path, Node::File(index));
            }
            (Change::MakeFolder, _) => {
                let index = self.new_folder();
                self.put(path, Node::Folder(index));
            }
            (Change::Remove, _) => self.remove(path),
            (Change::Rename { to }, _) => {
                let node = self.names.get(path).copied().unwrap();
                self.remove(path);
                self.put(to, node);
                self.move_names(path, to);
            }
            (Change::Write { .. } | Change::Truncate { .. } | Change::Map, None) => {
                panic!("a file that nobody has made: {}", path.display())
            }
        }
    }

    fn put(&mut self, path: &Path, node: Node) {
        self.names.insert(path.to_owned(), node);
        let name = path.file_name().unwrap().to_owned();
        self.holder(path).pending.push(Naming::Put(name, node));
    }

    fn remove(&mut self, path: &Path) {
        self.names.remove(path);
        let name = path.file_name().unwrap().to_owned();
        self.holder(path).pending.push(Naming::Remove(name));
    }

    /// What is in a folder has other paths when it has another name.
    fn move_names(&mut self, from: &Path, to: &Path) {
        let names = std::mem::take(&mut self.names).into_iter();
        let moved = names.map(|(path, node)| match path.strip_prefix(from) {
            Ok(within) if path != from => (to.join(within), node),
            _ => (path, node),
        });
        self.names = moved.collect();
    }

    fn holder(&mut self, path: &Path) -> &mut Folder {
        let holder = self.folder(path.parent().unwrap()).unwrap();
        &mut self.folders[holder]
    }

    fn sync_file(&mut self, index: usize, count: usize) {
        let file = &mut self.files[index];
        // Another sync may have covered some of it meanwhile.
        let count = count.min(file.pending.len());
        for op in file.pending.drain(..count) {
            op.apply(&mut file.durable);
        }
    }

    fn sync_folder(&mut self, index: usize, count: usize) {
        let folder = &mut self.folders[index];
        let count = count.min(folder.pending.len());
        for naming in folder.pending.drain(..count) {
            naming.apply(&mut folder.durable);
        }
    }

    /// Writes what the disk may have now into an empty folder, and says how cruel that was.
    pub(crate) fn image(&self, into: &Path, random: &mut Random) -> Fate {
        let fate = Fate::any(random);
        self.image_folder(ROOT, into, fate, random);
        fate
    }

    fn image_folder(&self, folder: usize, into: &Path, fate: Fate, random: &mut Random) {
        let model = &self.folders[folder];
        let mut names = model.durable.clone();
        let arrived = match fate {
            Fate::Lost => 0,
            Fate::Kept => model.pending.len(),
            _ => random.below(model.pending.len() + 1),
        };
        model.pending[..arrived]
            .iter()
            .for_each(|naming| naming.clone().apply(&mut names));
        for (name, node) in names {
            let target = into.join(name);
            match node {
                Node::Folder(index) => {
                    fs::create_dir(&target).unwrap();
                    self.image_folder(index, &target, fate, random);
                }
                Node::File(index) => {
                    write_sparse(&target, &self.files[index].after(fate, random));
                }
            }
        }
    }

    /// Whether the model has what the folder really has, for what was not mapped.
    pub(crate) fn agrees_with_reality(&self) -> Result<(), String> {
        for (path, node) in &self.names {
            match node {
                Node::Folder(_) if path.is_dir() => {}
                Node::Folder(_) => return Err(format!("{} is no folder", path.display())),
                Node::File(index) => {
                    let file = &self.files[*index];
                    let mut expected = file.durable.clone();
                    file.pending
                        .iter()
                        .for_each(|op| op.clone().apply(&mut expected));
                    let found = fs::read(path).map_err(|error| error.to_string())?;
                    if !file.mapped && found != expected {
                        let (found, expected) = (found.len(), expected.len());
                        let path = path.display();
                        return Err(format!("{path} differs: {found} bytes, model {expected}"));
                    }
                }
            }
        }
        let count = |folder: &Path| fs::read_dir(folder).unwrap().count();
        let folders = self
            .names
            .iter()
            .filter(|(_, node)| matches!(node, Node::Folder(_)));
        let found: usize = folders.map(|(path, _)| count(path)).sum();
        let found = found + count(&self.root);
        if found == self.names.len() {
            Ok(())
        } else {
            Err(format!("{found} names, model {}", self.names.len()))
        }
    }

    /// Files that were written through a mapping.
    pub(crate) fn mapped(&self) -> Vec<PathBuf> {
        let mapped = self.names.iter().filter(|(_, node)| match node {
            Node::File(index) => self.files[*index].mapped,
            Node::Folder(_) => false,
        });
        mapped.map(|(path, _)| path.clone()).collect()
    }
}

impl Naming {
    fn apply(self, names: &mut BTreeMap<OsString, Node>) {
        match self {
            Self::Put(name, node) => drop(names.insert(name, node)),
            Self::Remove(name) => drop(names.remove(&name)),
        }
    }
}

impl Op {
    fn apply(self, contents: &mut Vec<u8>) {
        match self {
            Self::Truncate { len } => contents.resize(len, 0),
            Self::Write { at, bytes } => overwrite(contents, at, &bytes),
        }
    }

    /// The length of a file of that length after it.
    fn len_after(&self, len: usize) -> usize {
        match self {
            Self::Truncate { len } => *len,
            Self::Write { at, bytes } => len.max(at + bytes.len()),
        }
    }
}

fn overwrite(contents: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let end = at + bytes.len();
    if contents.len() < end {
        contents.resize(end, 0);
    }
    contents[at..end].copy_from_slice(bytes);
}

impl Contents {
    fn after(&self, fate: Fate, random: &mut Random) -> Vec<u8> {
        if self.mapped {
            let len = random.below(3) * 32_768;
            return (0..len).map(|_| random.below(256) as u8).collect();
        }
        let mut contents = self.durable.clone();
        let one_in = 2 + random.below(4);
        match fate {
            Fate::Lost => {}
            Fate::Kept => self
                .pending
                .iter()
                .for_each(|op| op.clone().apply(&mut contents)),
            Fate::Subset => {
                let more_lost = random.below(2) == 0;
                for op in &self.pending {
                    if (random.below(one_in) == 0) == more_lost {
                        op.clone().apply(&mut contents);
                    }
                }
            }
            Fate::Pages => return self.pages(random),
            Fate::Sectors => {
                for op in &self.pending {
                    op.arrive_in_sectors(&mut contents, one_in, random);
                }
            }
        }
        // The length may have arrived without what was to fill it.
        let full = self
            .pending
            .iter()
            .fold(self.durable.len(), |len, op| op.len_after(len));
        if fate != Fate::Lost && contents.len() < full && random.below(3) == 0 {
            contents.resize(full, 0);
        }
        contents
    }

    /// Each page, and the length, as they were after some of the writes.
    fn pages(&self, random: &mut Random) -> Vec<u8> {
        let cut = |random: &mut Random| match random.below(4) {
            0 => 0,
            1 => self.pending.len(),
            _ => random.below(self.pending.len() + 1),
        };
        let arrived = &self.pending[..cut(random)];
        let len = arrived
            .iter()
            .fold(self.durable.len(), |len, op| op.len_after(len));
        let most = self.pending.iter().fold((len, len), |(len, most), op| {
            let len = op.len_after(len);
            (len, most.max(len))
        });
        let mut contents = self.durable.clone();
        contents.resize(most.1.max(self.durable.len()), 0);
        let cuts: Vec<usize> = (0..contents.len().div_ceil(PAGE))
            .map(|_| cut(random))
            .collect();
        for (index, op) in self.pending.iter().enumerate() {
            let (at, bytes): (usize, &[u8]) = match op {
                Op::Write { at, bytes } => (*at, bytes),
                Op::Truncate { .. } => continue,
            };
            let mut done = 0;
            while done < bytes.len() {
                let page = (at + done) / PAGE;
                let end = bytes.len().min((page + 1) * PAGE - at);
                if index < cuts[page] {
                    contents[at + done..at + end].copy_from_slice(&bytes[done..end]);
                }
                done = end;
            }
        }
        contents.truncate(len);
        contents
    }
}

impl Op {
    fn arrive_in_sectors(&self, contents: &mut Vec<u8>, one_in: usize, random: &mut Random) {
        let Self::Write { at, bytes } = self else {
            if random.below(2) == 0 {
                self.clone().apply(contents);
            }
            return;
        };
        let mut done = 0;
        while done < bytes.len() {
            let end = bytes.len().min(((at + done) / SECTOR + 1) * SECTOR - at);
            if random.below(one_in) != 0 {
                overwrite(contents, at + done, &bytes[done..end]);
            }
            done = end;
        }
    }
}

/// Leaves out pages of zeros: a log that was made long at once is mostly these.
fn write_sparse(path: &Path, contents: &[u8]) {
    let mut file = fs::File::create(path).unwrap();
    for (page, bytes) in contents.chunks(PAGE).enumerate() {
        if bytes.iter().any(|byte| *byte != 0) {
            file.seek(SeekFrom::Start((page * PAGE) as u64)).unwrap();
            file.write_all(bytes).unwrap();
        }
    }
    file.set_len(contents.len() as u64).unwrap();
}
