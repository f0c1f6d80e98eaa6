//! Every way a command can fail, with its exit code and what to try. The texts are the modules'
//! own; printing them is `output`'s.

use std::io;
use std::path::PathBuf;

use partykit_core::UpkeepError;
use partykit_host::StorageError;

use crate::bundle::BundleError;
use crate::env_file::EnvFileError;
use crate::esbuild::EsbuildError;
use crate::plan::PlanError;
use crate::project::ConfigError;

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
    /// The host did not start.
    #[error("the host could not be started")]
    Host(#[source] partykit_host::HostError),
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

impl CliError {
    /// 2 when the command line or the configuration has to change, else 1.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_)
            | Self::EnvFile(_)
            | Self::Plan(_)
            | Self::Setting { .. }
            | Self::Esbuild(EsbuildError::Named { .. }) => 2,
            Self::Storage(
                StorageError::UnknownBackend { .. }
                | StorageError::OtherBackend { .. }
                | StorageError::NoStore { .. }
                | StorageError::NotAStore { .. }
                | StorageError::NotEmpty { .. }
                | StorageError::NoBackup { .. }
                | StorageError::Upkeep(UpkeepError::Exists(_)),
            ) => 2,
            _ => 1,
        }
    }

    /// What to try.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Config(error) => error.hint().map(str::to_owned),
            Self::Plan(error) => error.hint(),
            Self::Esbuild(error) => error.hint(),
            Self::PortTaken { .. } => {
                Some("--port N takes another one, --port 0 any free one".to_owned())
            }
            Self::Storage(error) => storage_hint(error).map(str::to_owned),
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
            "a host serves it: stop that first (a store of sqlite can be checked, counted and \
             backed up meanwhile)"
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
            "choose another name: a backup never replaces a file"
        }
        StorageError::Upkeep(UpkeepError::Unsupported { instead, .. }) if !instead.is_empty() => {
            instead
        }
        _ => return None,
    })
}
