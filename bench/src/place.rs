//! Where things are: the binaries beside this program, the rooms that they serve, and a folder of
//! our own below the build's for what is compiled and stored while measuring.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::failure::Failure;

/// The rooms that are measured.
const ROOMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/rooms");

/// What `scripts/reference` installs.
const REFERENCE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../tests/oracle/node_modules/partykit/dist/bin.mjs"
);

/// The files of one installation.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) partykit: PathBuf,
    pub(crate) roomload: PathBuf,
    pub(crate) rooms: PathBuf,
    /// PartyKit's own command line tool, where it is installed.
    pub(crate) reference: PathBuf,
    own: PathBuf,
}

impl Place {
    /// Looks beside this program.
    ///
    /// # Errors
    /// It does not know where it is, or cannot write there.
    pub(crate) fn find() -> Result<Self, Failure> {
        let program = std::env::current_exe()?;
        let beside = program.parent().ok_or("this program is in no folder")?;
        let own = beside.join("bench");
        std::fs::create_dir_all(&own)?;
        Ok(Self {
            partykit: beside.join("partykit"),
            roomload: beside.join("roomload"),
            rooms: ROOMS.into(),
            reference: REFERENCE.into(),
            own,
        })
    }

    /// A cache that is kept between runs.
    pub(crate) fn cache(&self) -> PathBuf {
        self.own.join("cache")
    }

    /// An empty folder that vanishes, on the disk of the build and not in memory as the system's
    /// temporary folder may be.
    ///
    /// # Errors
    /// It cannot be made.
    pub(crate) fn empty_folder(&self) -> Result<TempDir, Failure> {
        Ok(tempfile::tempdir_in(&self.own)?)
    }

    /// What is measured, for the heading: the commit, and whether there is more than that.
    pub(crate) fn commit(&self) -> String {
        let git = |arguments: &[&str]| {
            let mut git = Command::new("git");
            let output = git.current_dir(&self.rooms).args(arguments).output().ok()?;
            let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            output.status.success().then_some(text)
        };
        let Some(commit) = git(&["rev-parse", "--short=10", "HEAD"]) else {
            return "unknown commit".to_owned();
        };
        match git(&["status", "--porcelain", "--untracked-files=no", ":/"]) {
            Some(changes) if changes.is_empty() => commit,
            _ => format!("{commit} with changes"),
        }
    }
}

/// Fails with a line that says what to do.
///
/// # Errors
/// The file is not there.
pub(crate) fn expect_built(binary: &Path) -> Result<(), Failure> {
    if binary.is_file() {
        return Ok(());
    }
    Err(format!("{} is missing; run: make bench", binary.display()).into())
}
