//! Every way a command can fail, with its exit code and what to try. The texts are the modules'
//! own; printing them is `output`'s.

use std::io;
use std::path::PathBuf;

use partykit_core::UpkeepError;
use partykit_host::{StorageError, upkeep};

use partykit_host::HostError;

use crate::builds::BundleError;
use crate::certificate::CertificateError;
use crate::env_file::EnvFileError;
use crate::esbuild::EsbuildError;
use crate::plan::PlanError;
use crate::project::ConfigError;
use crate::transfer::TransferError;
use crate::watch::WatchError;

/// Why a command ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A file of variables cannot be read.
    #[error(transparent)]
    EnvFile(#[from] EnvFileError),
    /// Configuration and command line together do not say enough.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// There is no esbuild.
    #[error(transparent)]
    Esbuild(#[from] EsbuildError),
    /// There is no bundle.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// Changes cannot be noticed.
    #[error(transparent)]
    Watch(#[from] WatchError),
    /// There is no certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The project's own command failed.
    #[error("build.command failed: {command}")]
    Command {
        /// As it is configured.
        command: String,
        /// How it ended.
        #[source]
        ended: CommandEnded,
    },
    /// The file that scripts wait for.
    #[error("{} cannot be written", path.display())]
    ReadyFile {
        /// Which.
        path: std::path::PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A limit in the environment is wrong.
    #[error("{variable}: {source}")]
    Setting {
        /// Which variable.
        variable: String,
        /// What is wrong with it.
        source: partykit_host::SettingError,
    },
    /// Somebody else listens where we were told to.
    #[error("port {port} is taken")]
    PortTaken {
        /// Which.
        port: u16,
    },
    /// A store cannot be used as was asked.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A check has found something.
    #[error("the store in {} is damaged: {problems} problems", dir.display())]
    Damage {
        /// Where.
        dir: PathBuf,
        /// How many.
        problems: u64,
    },
    /// Rooms could not be exported or imported.
    #[error(transparent)]
    Transfer(TransferError),
    /// The host did not start.
    #[error("the host could not be started")]
    Host(#[source] HostError),
    /// The host ended while it was starting: a bug.
    #[error("the host could not be started")]
    Lost(#[from] tokio::task::JoinError),
    /// The process lacks something it cannot do without.
    #[error("{what}")]
    Process {
        /// What was attempted.
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
}

/// How a command of the project ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandEnded {
    /// There is no shell.
    #[error("it cannot be started")]
    Start(#[from] io::Error),
    /// By itself.
    #[error("it ended with {0}")]
    Status(std::process::ExitStatus),
    /// Not at all.
    #[error("it did not end within {0} s")]
    Slow(u64),
}

impl From<TransferError> for CliError {
    fn from(error: TransferError) -> Self {
        match error {
            // What there is to do about it does not depend on who asked.
            TransferError::Storage(error) => Self::Storage(error),
            error => Self::Transfer(error),
        }
    }
}

impl CliError {
    /// 2 when the command line or the configuration has to change, else 1.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_)
            | Self::EnvFile(_)
            | Self::Plan(_)
            | Self::Setting { .. }
            | Self::Certificate(CertificateError::Read { .. })
            | Self::Host(HostError::Tls(_))
            | Self::Bundle(BundleError::Options { .. })
            | Self::Esbuild(EsbuildError::Named { .. }) => 2,
            Self::Storage(error) if error.is_a_mistake() => 2,
            Self::Transfer(error) if error.is_of_the_caller() => 2,
            _ => 1,
        }
    }

    /// What to try.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Config(error) => error.hint().map(str::to_owned),
            Self::Plan(error) => error.hint(),
            Self::Esbuild(error) => error.hint(),
            Self::Watch(_) if cfg!(target_os = "linux") => Some(
                "a user may have too few watches: sysctl fs.inotify.max_user_watches and \
                 fs.inotify.max_user_instances say how many"
                    .to_owned(),
            ),
            Self::PortTaken { .. } => {
                Some("--port N takes another one, --port 0 any free one".to_owned())
            }
            Self::Storage(error) => storage_hint(error).map(str::to_owned),
            Self::Transfer(error) => error.hint().map(str::to_owned),
            Self::Damage { .. } => Some(RESTORE.to_owned()),
            _ => None,
        }
    }
}

const RESTORE: &str = "keep the directory as it is, restore the last backup into a new one \
    (partykit storage restore FILE --dir NEW), and serve that";

fn storage_hint(error: &StorageError) -> Option<&'static str> {
    Some(match error {
        StorageError::UnknownBackend { .. } => {
            "the name comes from --backend or from PARTYKIT_HOST_STORAGE"
        }
        StorageError::OtherBackend { .. } => {
            "to move rooms to another backend: partykit storage backup FILE, \
             then partykit storage restore FILE --dir NEW --backend NAME"
        }
        StorageError::Locked { .. } => {
            "a host serves it: stop that first (a store of sqlite can be checked, counted, backed \
             up and exported meanwhile)"
        }
        StorageError::NoStore { .. } => {
            "name its directory with --dir; partykit dev keeps it in .partykit/state beside the \
             configuration"
        }
        StorageError::NotEmpty { .. } => {
            "name another one with --dir, or move what is there out of the way"
        }
        StorageError::Corrupt { .. } | StorageError::Upkeep(UpkeepError::Corrupt(_)) => RESTORE,
        StorageError::Upkeep(UpkeepError::Exists(_)) => {
            "choose another name: a file that is there is never replaced"
        }
        StorageError::NotAStore { dir } if upkeep::is_partykit_state(dir) => {
            "PartyKit's own dev has stored there: move the folder out of the way, and partykit \
             storage import FOLDER --room NAME reads it"
        }
        StorageError::Upkeep(UpkeepError::Unsupported { instead, .. }) if !instead.is_empty() => {
            instead
        }
        _ => return None,
    })
}
