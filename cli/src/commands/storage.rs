//! `partykit storage`: what an operator does with a store, by its directory. What a backend can do,
//! and beside a host that serves the same store, is decided below; here it is asked and told.

use std::path::{Path, PathBuf};

use partykit_core::CheckReport;
use partykit_host::{StorageConfig, upkeep};

use super::transfer;
use crate::args::{BackupArgs, RestoreArgs, StorageCommand, StoreArgs};
use crate::error::CliError;
use crate::output::Output;
use crate::plan::STATE_FOLDER;
use crate::project::{Persist, Project, locate};
use crate::wording::size;

/// Does one of them. Blocks.
///
/// # Errors
/// What the store says, and damage that was found.
pub(crate) fn run(command: StorageCommand, output: Output) -> Result<(), CliError> {
    match command {
        StorageCommand::Check(store) => check(&folder(store)?, output),
        StorageCommand::Stats(store) => stats(&folder(store)?, output),
        StorageCommand::Compact(store) => compact(&folder(store)?, output),
        StorageCommand::Backup(args) => backup(args, output),
        StorageCommand::Restore(args) => restore(args, output),
        StorageCommand::Export(args) => transfer::export(args, output),
        StorageCommand::Import(args) => transfer::import(args, output),
    }
}

fn check(dir: &Path, output: Output) -> Result<(), CliError> {
    let report = upkeep::check(dir)?;
    let CheckReport {
        rooms,
        keys,
        alarms,
        problems,
        more_problems,
    } = &report;
    if report.is_sound() {
        output.step(format!(
            "No damage in {rooms} rooms with {keys} keys and {alarms} alarms"
        ));
        return Ok(());
    }
    problems.iter().for_each(|text| output.warning(text));
    Err(CliError::Damage {
        dir: dir.to_owned(),
        problems: problems.len() as u64 + more_problems,
    })
}

fn stats(dir: &Path, output: Output) -> Result<(), CliError> {
    let stats = upkeep::stats(dir)?;
    let free = match stats.free_bytes {
        Some(bytes) => bytes_of(bytes),
        None => format!("not known to {}", stats.backend),
    };
    for (name, value) in [
        ("backend", stats.backend.to_owned()),
        ("rooms", stats.rooms.to_string()),
        ("keys", stats.keys.to_string()),
        ("alarms", stats.alarms.to_string()),
        ("content", bytes_of(stats.content_bytes)),
        ("on disk", bytes_of(stats.disk_bytes)),
        ("unused", free),
    ] {
        output.step(format!("{name:<8} {value}"));
    }
    Ok(())
}

fn compact(dir: &Path, output: Output) -> Result<(), CliError> {
    let done = upkeep::compact(dir)?;
    let (before, after) = (bytes_of(done.before_bytes), bytes_of(done.after_bytes));
    output.step(format!("From {before} to {after} on disk"));
    Ok(())
}

fn backup(args: BackupArgs, output: Output) -> Result<(), CliError> {
    let report = upkeep::backup(&folder(args.store)?, &args.file)?;
    output.step(format!(
        "Wrote {} rooms with {} keys and {} alarms into {}: {}",
        report.rooms,
        report.keys,
        report.alarms,
        args.file.display(),
        bytes_of(report.file_bytes)
    ));
    Ok(())
}

fn restore(args: RestoreArgs, output: Output) -> Result<(), CliError> {
    let dir = folder(args.store)?;
    let backend = args.backend.as_deref().unwrap_or(StorageConfig::DEFAULT);
    let report = upkeep::restore(&args.file, &dir, backend)?;
    output.step(format!(
        "Restored {} rooms with {} keys and {} alarms into {} ({backend})",
        report.rooms,
        report.keys,
        report.alarms,
        dir.display()
    ));
    Ok(())
}

/// The one that was named, else where `dev` keeps what the project of this folder stores.
pub(super) fn folder(store: StoreArgs) -> Result<PathBuf, CliError> {
    if let Some(dir) = store.dir {
        return Ok(dir);
    }
    let cwd = std::env::current_dir().map_err(|source| CliError::Process {
        what: "the current folder is gone",
        source,
    })?;
    let project = match locate(None, &cwd)? {
        Some(source) => Project::read(&source, &cwd)?,
        None => Project::bare(&cwd),
    };
    Ok(match project.persist {
        Some(Persist::Folder(folder)) => folder,
        _ => project.root.join(STATE_FOLDER),
    })
}

fn bytes_of(bytes: u64) -> String {
    size(usize::try_from(bytes).unwrap_or(usize::MAX))
}
