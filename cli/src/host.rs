//! The border to partykit-host: a plan and a bundle become its configuration and deployment, and
//! what it logs becomes lines on the terminal. The only file that names that crate's types,
//! besides the errors that carry its errors and `commands/storage`.

use std::ffi::OsString;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use partykit_core::{GuestError, LogLevel, LogLine, RoomKey};
use partykit_host::{Config, Deployment, Host, HostError, LogSink, RequestLine, StorageConfig};

use crate::bundle::Bundle;
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

/// Starts a host for `bundle` on `port` of this machine.
///
/// # Errors
/// [`CliError::PortTaken`], or what the host says.
pub(crate) async fn start(
    plan: &Plan,
    bundle: Bundle,
    port: u16,
    cache_dir: Option<PathBuf>,
    output: Output,
) -> Result<Host, CliError> {
    let storage = match (&plan.state, std::env::var_os(STORAGE_VARIABLE)) {
        (Some(folder), Some(name)) => StorageConfig::named(&name.to_string_lossy(), folder),
        (Some(folder), None) => StorageConfig::of_directory(folder),
        (None, _) => Ok(StorageConfig::Memory),
    };
    let mut config = Config {
        listen: addresses(port),
        storage: storage?,
        cache_dir,
        ..Config::default()
    };
    set_limits(&mut config, std::env::vars_os())?;
    let deployment = Deployment {
        project: plan.name.clone(),
        bundle: bundle.code,
        env: serde_json::Value::Object(plan.vars.clone()).to_string(),
        assets: plan.assets.clone(),
    };
    let printer = Printer {
        output,
        stack_map: RwLock::new(bundle.stack_map),
    };
    let started = Host::start(config, deployment, Arc::new(printer)).await;
    started.map_err(|error| match error {
        HostError::PortTaken { address } => CliError::PortTaken {
            port: address.port(),
        },
        error => CliError::Host(error),
    })
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
            // Its message is the beginning of its detail, which also has the stack.
            GuestError::Load { detail, .. } if !detail.is_empty() => {
                format!("the code could not be loaded: {detail}")
            }
            error => error.to_string(),
        };
        self.show(room, LogLevel::Error, &text);
    }
}
