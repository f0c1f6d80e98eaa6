//! `partykit dev`: configuration, bundle, host, and then whatever is edited, until a signal or a
//! key.
//!
//! The order is that of what people want to know first: a mistake in the configuration is told
//! before anything is installed, a mistake in the code before anything listens.

use std::time::Duration;

use partykit_core::{Description, GuestError};
use tokio::sync::Notify;

use crate::args::DevArgs;
use crate::browser;
use crate::error::CliError;
use crate::host::Served;
use crate::hotkeys::{Hotkeys, KEYS, Key};
use crate::output::Output;
use crate::ready_file::ReadyFile;
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
    let scheme = if args.https || args.https_cert_path.is_some() {
        "https"
    } else {
        "http"
    };
    let (ready_path, wants_keys) = (args.ready_file.clone(), !args.no_hotkeys);
    // In a task of its own, because compiling the engine occupies a thread for seconds.
    let mut starting = tokio::spawn(start(args, output));
    let (mut workshop, served, watch) = tokio::select! {
        started = &mut starting => started??,
        () = stop.asked() => {
            starting.abort();
            // Until it is dropped, a child process of it may be running.
            let _ = tokio::time::timeout(ABORT_LIMIT, starting).await;
            return Ok(());
        }
    };
    tell_load(served.host.check().await, output);
    let port = served.host.address().port();
    let url = format!("{scheme}://localhost:{port}");
    output.ready(&url, port);
    let ready_file = ready_path.map(|path| {
        ReadyFile::write(&path, &url, port).map_err(|source| CliError::ReadyFile { path, source })
    });
    let _ready_file = ready_file.transpose()?;
    let mut keys = wants_keys.then(|| keys(output)).flatten();
    let bell = workshop.bell();
    tokio::select! {
        () = workshop.work(watch, &served) => {}
        () = stop.asked() => {}
        () = press(&mut keys, &url, &bell, output) => {}
    }
    output.step("Stopping");
    tokio::select! {
        () = served.host.shutdown() => {}
        () = stop.asked_again() => output.warning("stopped before every room had finished"),
    }
    Ok(())
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

/// Code that does not load is no reason to end: it is served as it is, with its error.
fn tell_load(loaded: Result<Description, GuestError>, output: Output) {
    match loaded {
        Ok(description) => description
            .warnings
            .iter()
            .for_each(|text| output.warning(text)),
        Err(_) => {
            output.warning("the code does not load: every request is answered with its error")
        }
    }
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
