//! `partykit storage export` and `import`: which store, which text, and what is told of it.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;

use partykit_core::ProjectName;
use partykit_host::upkeep::{self, is_partykit_state};
use tempfile::NamedTempFile;

use super::storage::folder;
use crate::args::{ExportArgs, ImportArgs};
use crate::error::CliError;
use crate::host::limits;
use crate::output::Output;
use crate::plan::DEFAULT_NAME;
use crate::project::{Project, locate};
use crate::transfer::{
    Destination, Export, Exported, FileSource, Imported, Names, PartyKitSource, Progress, Sizes,
    Source, TransferError, Wanted, import as carry,
};

/// Stands for stdout and stdin.
const PIPE: &str = "-";

/// Values may be nested deeply, which the stack of a thread usually is not.
const STACK_BYTES: usize = 16 << 20;

/// Of ids that no name has, so many are listed.
const LISTED_MAX: usize = 50;

/// Writes a text. Blocks.
///
/// # Errors
/// Nothing is left of it then.
pub(super) fn export(args: ExportArgs, output: Output) -> Result<(), CliError> {
    let is_piped = args.file.as_os_str() == PIPE;
    if is_piped && args.json {
        return Err(TransferError::TwoOutputs.into());
    }
    let dir = folder(args.store)?;
    let wanted = Wanted {
        project: args.project,
        party: args.party,
        rooms: args.rooms,
    };
    let bar = bar_for(&dir, output)?;
    let file = args.file;
    if is_piped {
        let mut out = BufWriter::new(io::stdout());
        write_export(&dir, &mut out, (&file, wanted), bar)?;
        return Ok(());
    }
    let done = export_to_file(&dir, (&file, wanted), bar)?;
    let Exported {
        rooms,
        keys,
        alarms,
    } = done;
    let counts = [("rooms", rooms), ("keys", keys), ("alarms", alarms)];
    let text = format!(
        "Wrote {rooms} rooms with {keys} keys and {alarms} alarms into {}",
        file.display()
    );
    output.carried("exported", counts, text);
    Ok(())
}

/// The file has its name when it is whole.
fn export_to_file(
    dir: &Path,
    (file, wanted): (&Path, Wanted),
    bar: Progress,
) -> Result<Exported, CliError> {
    let failed = |source| TransferError::File {
        attempt: "write",
        file: file.to_owned(),
        source,
    };
    if file.exists() {
        return Err(exists(file));
    }
    let parent = file
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let temporary = NamedTempFile::new_in(parent.unwrap_or(Path::new("."))).map_err(failed)?;
    let mut out = BufWriter::with_capacity(1 << 16, temporary.as_file());
    let done = write_export(dir, &mut out, (file, wanted), bar)?;
    drop(out);
    temporary.as_file().sync_all().map_err(failed)?;
    match temporary.persist_noclobber(file) {
        Ok(_) => Ok(done),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Err(exists(file)),
        Err(error) => Err(failed(error.error).into()),
    }
}

fn exists(file: &Path) -> CliError {
    partykit_host::StorageError::from(partykit_core::UpkeepError::Exists(file.to_owned())).into()
}

fn write_export(
    dir: &Path,
    out: &mut (dyn Write + Send),
    (file, wanted): (&Path, Wanted),
    bar: Progress,
) -> Result<Exported, CliError> {
    let done = with_stack(|| {
        let mut export = Export::begin(out, file.to_owned(), wanted, bar)?;
        upkeep::read(dir, &mut export)?;
        export.finish()
    });
    Ok(done?)
}

/// Counting what is there takes a look at every key, which is only done for somebody who waits.
fn bar_for(dir: &Path, output: Output) -> Result<Progress, CliError> {
    if !is_seen(output) {
        return Ok(Progress::new(false, 0));
    }
    let bytes = upkeep::stats(dir)?.content_bytes;
    let bar = Progress::new(true, bytes);
    bar.begin("Exporting");
    Ok(bar)
}

fn is_seen(output: Output) -> bool {
    !output.is_for_a_program() && io::stderr().is_terminal()
}

/// Reads a text, or what PartyKit has stored. Blocks.
///
/// # Errors
/// What is wrong with it or in its way.
pub(super) fn import(args: ImportArgs, output: Output) -> Result<(), CliError> {
    let project = args.project.as_deref().map(project).transpose()?;
    let sizes = Sizes::of(&limits()?);
    let mut wanted = Wanted {
        project: None,
        party: args.party,
        rooms: args.rooms,
    };
    let mut names = Names::default();
    wanted.rooms.iter().for_each(|name| names.add(name));
    if let Some(file) = &args.names {
        names.add_file(file)?;
        wanted.rooms = names.list();
    }
    let target = Target {
        dir: folder(args.store)?,
        backend: args.backend,
        replace: args.replace,
    };
    if is_partykit_state(&args.source) {
        let project = match project {
            Some(project) => project,
            None => own_project()?,
        };
        let source = PartyKitSource::open(&args.source, &names, (&wanted, &project), sizes)?;
        tell_rest(&source, output);
        return bring(&source, target, output);
    }
    if args.source.as_os_str() == PIPE {
        // It is gone through more than once.
        let kept = kept_stdin()?;
        let path = kept.path().to_owned();
        let source = FileSource::new("stdin".as_ref(), path, (wanted, project), sizes)?;
        return bring(&source, target, output);
    }
    let path = args.source.clone();
    let source = FileSource::new(&args.source, path, (wanted, project), sizes)?;
    bring(&source, target, output)
}

/// Where an import goes.
struct Target {
    dir: std::path::PathBuf,
    backend: Option<String>,
    replace: bool,
}

fn bring(source: &(dyn Source + Sync), target: Target, output: Output) -> Result<(), CliError> {
    let bar = Progress::new(is_seen(output), source.length());
    let done = with_stack(|| {
        let mut opened = None;
        let done = carry(
            source,
            || {
                let store = upkeep::open(&target.dir, target.backend.as_deref())?;
                Ok(Destination {
                    store: opened.insert(store).clone(),
                    replace: target.replace,
                })
            },
            &bar,
        );
        let closed = opened.map_or(Ok(()), |store| store.close());
        let done = done?;
        closed.map_err(|source| TransferError::Write {
            done: done.rooms,
            source,
        })?;
        Ok(done)
    })?;
    drop(bar);
    let Imported {
        rooms,
        keys,
        alarms,
    } = done;
    let counts = [("rooms", rooms), ("keys", keys), ("alarms", alarms)];
    let text = format!(
        "Imported {rooms} rooms with {keys} keys and {alarms} alarms into {}",
        target.dir.display()
    );
    output.carried("imported", counts, text);
    Ok(())
}

/// What of PartyKit's rooms is not imported, and which names were of no use.
fn tell_rest(source: &PartyKitSource, output: Output) {
    for folder in &source.strange {
        output.warning(format!(
            "the folder {folder} is of no party that could exist here"
        ));
    }
    for id in source.unknown.iter().take(LISTED_MAX) {
        output.warning(format!("not imported, as no name is known of it: {id}"));
    }
    let more = source.unknown.len().saturating_sub(LISTED_MAX);
    if more > 0 {
        output.warning(format!("nor are {more} more of such rooms"));
    }
    for name in source.unused.iter().take(LISTED_MAX) {
        output.warning(format!("there is no room called {name}"));
    }
}

fn project(name: &str) -> Result<ProjectName, TransferError> {
    ProjectName::parse(name).map_err(|source| TransferError::Name {
        what: "--project",
        source,
    })
}

/// The one that `dev` would serve here.
fn own_project() -> Result<ProjectName, CliError> {
    let cwd = std::env::current_dir().map_err(|source| CliError::Process {
        what: "the current folder is gone",
        source,
    })?;
    let configured = match locate(None, &cwd)? {
        Some(source) => Project::read(&source, &cwd)?.name,
        None => None,
    };
    match configured {
        Some(name) => Ok(name),
        None => Ok(project(DEFAULT_NAME)?),
    }
}

fn kept_stdin() -> Result<NamedTempFile, TransferError> {
    let failed = |source| TransferError::File {
        attempt: "keep a copy of",
        file: "stdin".into(),
        source,
    };
    let mut kept = NamedTempFile::new().map_err(failed)?;
    io::copy(&mut io::stdin().lock(), &mut kept).map_err(failed)?;
    Ok(kept)
}

/// Does something on a thread with enough stack for the deepest value.
fn with_stack<T: Send>(
    work: impl FnOnce() -> Result<T, TransferError> + Send,
) -> Result<T, TransferError> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
        let thread = thread.spawn_scoped(scope, work);
        match thread.map_err(TransferError::Thread)?.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}
