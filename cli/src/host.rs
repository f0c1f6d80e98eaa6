//! The border to partykit-host: a plan and a bundle become its configuration and deployment, and
//! what it logs becomes lines on the terminal. The only file that names that crate's types,
//! besides the errors that carry its errors and `commands/storage`.

use std::ffi::OsString;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use bytes::Bytes;
use partykit_core::{Description, GuestError, Limits, LogLevel, LogLine, RoomKey};
use partykit_host::{
    Assets, Config, Deployment, Host, HostError, Live, LogSink, RequestLine, StorageConfig, Tls,
};

use crate::bundle::Bundle;
use crate::client_bundle::ClientBundle;
use crate::error::CliError;
use crate::output::Output;
use crate::plan::Plan;
use crate::stack_map::StackMap;

/// Names the backend for rooms whose storage is kept. Without it, a store that is there keeps its
/// own, and a new one gets the default.
const STORAGE_VARIABLE: &str = "PARTYKIT_HOST_STORAGE";

/// Of variables that set a limit of the host.
const LIMIT_PREFIX: &str = "PARTYKIT_HOST_";

/// How many ports after the usual one are looked at before any free one is taken.
const NEIGHBOURS: u16 = 100;

/// A host and what prints for it.
pub(crate) struct Served {
    pub(crate) host: Host,
    /// Tells open pages what changes.
    pub(crate) live: Live,
    printer: Arc<Printer>,
}

/// What a host is started with, besides what it serves.
#[derive(Debug, Clone)]
pub(crate) struct Ground {
    pub(crate) port: u16,
    pub(crate) cache_dir: Option<PathBuf>,
    pub(crate) tls: Option<Tls>,
    pub(crate) output: Output,
}

/// Starts a host without code on a port of this machine. Clients can connect, and wait until
/// [`Served::open`].
///
/// # Errors
/// [`CliError::PortTaken`], or what the host says.
pub(crate) async fn start(plan: &Plan, ground: Ground) -> Result<Served, CliError> {
    let storage = match (&plan.state, std::env::var_os(STORAGE_VARIABLE)) {
        (Some(folder), Some(name)) => StorageConfig::named(&name.to_string_lossy(), folder),
        (Some(folder), None) => StorageConfig::of_directory(folder),
        (None, _) => Ok(StorageConfig::Memory),
    };
    let live = Live::default();
    let mut config = Config {
        listen: addresses(ground.port),
        storage: storage?,
        cache_dir: ground.cache_dir,
        live: Some(live.clone()),
        tls: ground.tls,
        ..Config::default()
    };
    set_limits(&mut config, std::env::vars_os())?;
    let printer = Arc::new(Printer {
        output: ground.output,
        stack_map: RwLock::default(),
    });
    let deployment = deployment(plan, None, None);
    let started = Host::start_closed(config, deployment, printer.clone()).await;
    let host = started.map_err(|error| match error {
        HostError::PortTaken { address } => CliError::PortTaken {
            port: address.port(),
        },
        // What there is to do about it is the same as for `storage`.
        HostError::Storage(error) => error.into(),
        error => CliError::Host(error),
    })?;
    Ok(Served {
        host,
        live,
        printer,
    })
}

impl Served {
    /// Lets clients in.
    pub(crate) fn open(&mut self) {
        self.host.open();
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.host.address().port()
    }

    /// Evaluates code that is not served yet. Rooms begin with what this leaves behind, so that
    /// what it writes to the log is shown; what is wrong with it is told to the caller alone.
    ///
    /// # Errors
    /// Why it does not load, with the places of its source.
    pub(crate) async fn check(&self, plan: &Plan, bundle: &Bundle) -> Result<Description, String> {
        let deployment = deployment(plan, Some(&bundle.code), None);
        let trial = Arc::new(Trial::default());
        let checked = self.host.check_other(&deployment, trial.clone()).await;
        let mapped = |text: String| match &bundle.stack_map {
            Some(map) => map.rewrite(&text).into_owned(),
            None => text,
        };
        for mut line in trial.lines() {
            line.text = mapped(line.text);
            self.printer.output.room(&line);
        }
        checked.map_err(|error| mapped(load_error(&error)))
    }

    /// Serves other code: its rooms start anew, with what they have stored.
    pub(crate) async fn swap(
        &self,
        plan: &Plan,
        bundle: &mut Bundle,
        client: Option<&ClientBundle>,
    ) {
        let deployment = deployment(plan, Some(&bundle.code), client);
        self.set_stack_map(bundle.stack_map.take());
        self.host.swap(deployment).await;
    }

    /// The places of the code that runs have moved.
    pub(crate) fn set_stack_map(&self, map: Option<StackMap>) {
        let lock = self.printer.stack_map.write();
        *lock.unwrap_or_else(PoisonError::into_inner) = map;
    }

    /// Serves other files; rooms go on.
    pub(crate) fn replace_assets(&self, plan: &Plan, client: Option<&ClientBundle>) {
        self.host.replace_assets(assets(plan, client));
    }
}

fn deployment(plan: &Plan, code: Option<&str>, client: Option<&ClientBundle>) -> Deployment {
    Deployment {
        project: plan.name.clone(),
        bundle: code.map(str::to_owned),
        env: serde_json::Value::Object(plan.vars.clone()).to_string(),
        assets: assets(plan, client),
    }
}

fn assets(plan: &Plan, client: Option<&ClientBundle>) -> Option<Arc<Assets>> {
    let directory = plan.serve.path.clone()?;
    let built = client.into_iter().flat_map(|client| &client.files);
    Some(Arc::new(Assets {
        directory: Some(directory),
        built: built
            .map(|(path, contents)| (path.clone(), Bytes::copy_from_slice(contents)))
            .collect(),
        single_page_app: plan.serve.single_page_app,
    }))
}

/// The limits of rooms as the environment sets them.
///
/// # Errors
/// A variable names no limit, or gives it no number.
pub(crate) fn limits() -> Result<Limits, CliError> {
    let mut config = Config::default();
    set_limits(&mut config, std::env::vars_os())?;
    Ok(config.limits)
}

/// `PARTYKIT_HOST_MESSAGE_BYTES_MAX=1048576` and the like: each limit by its name.
fn set_limits(
    config: &mut Config,
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> Result<(), CliError> {
    for (variable, value) in variables {
        let variable = variable.to_string_lossy();
        if variable == STORAGE_VARIABLE {
            continue;
        }
        let Some(name) = variable.strip_prefix(LIMIT_PREFIX) else {
            continue;
        };
        let set = config.set_limit(&name.to_ascii_lowercase(), &value.to_string_lossy());
        set.map_err(|source| CliError::Setting {
            variable: variable.clone().into_owned(),
            source,
        })?;
    }
    Ok(())
}

/// A port that is free now: one of those after `wish`, so that it is easy to remember, else any.
pub(crate) fn free_port(wish: Option<u16>) -> Result<u16, CliError> {
    let neighbours = wish
        .into_iter()
        .flat_map(|port| (1..=NEIGHBOURS).filter_map(move |step| port.checked_add(step)));
    let free = |port: &u16| {
        let mut addresses = addresses(*port).into_iter();
        addresses.all(|address| TcpListener::bind(address).is_ok())
    };
    if let Some(port) = neighbours.into_iter().find(free) {
        return Ok(port);
    }
    let any = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    any.and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|source| CliError::Process {
            what: "no free port could be found",
            source,
        })
}

/// Both meanings of `localhost`, as far as this machine has them. Other machines are not served:
/// code under development would be open to the whole network.
fn addresses(port: u16) -> Vec<SocketAddr> {
    let mut addresses = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, port))];
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok() {
        addresses.push(SocketAddr::from((Ipv6Addr::LOCALHOST, port)));
    }
    addresses
}

/// Shows what the host has to say.
struct Printer {
    output: Output,
    /// Of the bundle that runs.
    stack_map: RwLock<Option<StackMap>>,
}

impl Printer {
    fn show(&self, room: &RoomKey, level: LogLevel, text: &str) {
        let map = self
            .stack_map
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let text = match &*map {
            Some(map) => map.rewrite(text).into_owned(),
            None => text.to_owned(),
        };
        self.output.room(&LogLine {
            room: room.clone(),
            level,
            text,
        });
    }
}

impl LogSink for Printer {
    fn host(&self, level: LogLevel, text: &str) {
        match level {
            LogLevel::Warn | LogLevel::Error => self.output.warning(text),
            _ => self.output.detail(text),
        }
    }

    fn line(&self, line: &LogLine) {
        self.show(&line.room, line.level, &line.text);
    }

    fn request(&self, line: &RequestLine) {
        self.output
            .request(&line.method, &line.path, line.status, line.duration);
    }

    fn failed(&self, room: &RoomKey, error: &GuestError) {
        let text = match error {
            GuestError::Load { .. } => {
                format!("the code could not be loaded: {}", load_error(error))
            }
            error => error.to_string(),
        };
        self.show(room, LogLevel::Error, &text);
    }
}

/// What the code itself threw, with its stack.
fn load_error(error: &GuestError) -> String {
    match error {
        // Its message is the beginning of its detail, which also has the stack.
        GuestError::Load { detail, .. } if !detail.is_empty() => detail.clone(),
        error => error.to_string(),
    }
}

/// Lines of code that is being tried; what it writes beyond them is not shown.
const TRIAL_LINES_MAX: usize = 1000;

/// Keeps the log of code that is being tried.
#[derive(Default)]
struct Trial(Mutex<Vec<LogLine>>);

impl Trial {
    fn lines(&self) -> Vec<LogLine> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl LogSink for Trial {
    fn host(&self, _: LogLevel, _: &str) {}
    fn line(&self, line: &LogLine) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() < TRIAL_LINES_MAX {
            lines.push(line.clone());
        }
    }
    fn request(&self, _: &RequestLine) {}
    fn failed(&self, _: &RoomKey, _: &GuestError) {}
}
