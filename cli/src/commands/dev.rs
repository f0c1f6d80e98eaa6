//! `partykit dev`: configuration, bundle, host, and then whatever is edited, until a signal or a
//! key.
//!
//! A mistake in the configuration ends it before anything is installed. A mistake in the code does
//! not: it is waited for its repair, at the start as later.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::Notify;

use crate::args::DevArgs;
use crate::browser;
use crate::error::CliError;
use crate::host::Served;
use crate::hotkeys::{Hotkeys, KEYS, Key};
use crate::output::Output;
use crate::ready_file::{self, ReadyFile};
use crate::stop::Stop;
use crate::watch::Watch;
use crate::workshop::Workshop;

/// An interrupted start is not waited for any longer.
const ABORT_LIMIT: Duration = Duration::from_secs(1);

/// Serves until Ctrl-C or SIGTERM, which end it cleanly; a second one ends it at once.
///
/// # Errors
/// Whatever keeps it from starting.
pub(crate) async fn run(args: DevArgs, output: Output) -> Result<(), CliError> {
    let mut stop = Stop::listen().map_err(|source| CliError::Process {
        what: "signals cannot be listened to",
        source,
    })?;
    output.banner();
    if let Some(path) = &args.ready_file {
        // What an earlier start has left is not true of this one.
        ready_file::remove(path).map_err(|source| CliError::ReadyFile {
            path: path.clone(),
            source,
        })?;
    }
    let scheme = if args.https || args.https_cert_path.is_some() {
        "https"
    } else {
        "http"
    };
    let (ready_path, wants_keys) = (args.ready_file.clone(), !args.no_hotkeys);
    // In a task of its own, because compiling the engine occupies a thread for seconds.
    let mut starting = tokio::spawn(start(args, output));
    let (mut workshop, served, mut watch) = tokio::select! {
        started = &mut starting => started??,
        () = stop.asked() => {
            starting.abort();
            // Until it is dropped, a child process of it may be running.
            let _ = tokio::time::timeout(ABORT_LIMIT, starting).await;
            return Ok(());
        }
    };
    let address = Address {
        url: format!("{scheme}://localhost:{}", served.port()),
        port: served.port(),
        ready_path,
    };
    let mut ready_file = None;
    if workshop.serves_rooms() {
        ready_file = address.tell_ready(output)?;
    } else {
        output.waiting(&address.url, address.port);
    }
    let mut keys = wants_keys.then(|| keys(output)).flatten();
    let bell = workshop.bell();
    let working = async {
        while !workshop.serves_rooms() {
            workshop.work(&mut watch, &served).await;
            if workshop.serves_rooms() {
                ready_file = address.tell_ready(output)?;
            }
        }
        loop {
            workshop.work(&mut watch, &served).await;
        }
    };
    tokio::select! {
        failed = working => return failed,
        () = stop.asked() => {}
        () = press(&mut keys, &address.url, &bell, output) => {}
    }
    output.step("Stopping");
    tokio::select! {
        () = served.host.shutdown() => {}
        () = stop.asked_again() => output.warning("stopped before every room had finished"),
    }
    drop(ready_file);
    Ok(())
}

/// Where rooms are served, and who is to hear of it.
struct Address {
    url: String,
    port: u16,
    ready_path: Option<PathBuf>,
}

impl Address {
    /// Rooms are served from now on. What is returned is kept as long as they are.
    fn tell_ready(&self, output: Output) -> Result<Option<ReadyFile>, CliError> {
        output.ready(&self.url, self.port);
        let Some(path) = &self.ready_path else {
            return Ok(None);
        };
        let written = ReadyFile::write(path, &self.url, self.port);
        let written = written.map_err(|source| CliError::ReadyFile {
            path: path.clone(),
            source,
        })?;
        Ok(Some(written))
    }
}

async fn start(args: DevArgs, output: Output) -> Result<(Workshop, Served, Watch), CliError> {
    let cwd = std::env::current_dir().map_err(|source| CliError::Process {
        what: "the current folder is gone",
        source,
    })?;
    let mut workshop = Workshop::open(args, cwd, output).await?;
    let mut watch = Watch::start()?;
    let served = workshop.start(&mut watch).await?;
    Ok((workshop, served, watch))
}

fn keys(output: Output) -> Option<Hotkeys> {
    if !output.is_for_a_person() {
        return None;
    }
    let keys = Hotkeys::listen()?;
    output.keys(KEYS);
    Some(keys)
}

/// Does what keys say, until one says that it is enough.
async fn press(keys: &mut Option<Hotkeys>, url: &str, bell: &Notify, output: Output) {
    loop {
        match Hotkeys::next(keys).await {
            Key::Browser => {
                if let Err(error) = browser::open(url) {
                    output.warning(format!("no browser can be opened: {error}"));
                }
            }
            Key::Clear => output.clear(),
            Key::Rebuild => {
                output.step("Bundling again");
                bell.notify_one();
            }
            Key::Line => output.step(""),
            Key::Exit => return,
        }
    }
}
