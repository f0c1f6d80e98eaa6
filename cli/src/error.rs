//! Every way a command can fail, with its exit code and what to try. The texts are the modules'
//! own; printing them is `output`'s.

use std::io;

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
            _ => None,
        }
    }
}
