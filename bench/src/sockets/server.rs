//! The server under measurement: `partykit dev` as a child process on a free port, with an empty
//! storage folder of its own. Ends with the value.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};

use tempfile::TempDir;

use super::pin::{Cpu, Pins};
use crate::failure::Failure;
use crate::place::{Place, expect_built};

/// Names the folder where the server keeps compiled code.
pub(crate) const CACHE_VARIABLE: &str = "PARTYKIT_CACHE_DIR";

/// A running server.
pub(crate) struct Server {
    child: Child,
    url: String,
    /// Held open, or the server could not print.
    _printed: BufReader<ChildStdout>,
    _storage: TempDir,
}

impl Server {
    /// Starts it and waits for its address.
    pub(crate) fn start(place: &Place, pins: Pins, cache: &Path) -> Result<Self, Failure> {
        Self::start_with(place, pins, cache, &[])
    }

    /// The same with variables of its own, for rooms that fail on purpose: with some, what rooms
    /// complain of is not shown.
    pub(crate) fn start_with(
        place: &Place,
        pins: Pins,
        cache: &Path,
        variables: &[(&str, &str)],
    ) -> Result<Self, Failure> {
        expect_built(&place.partykit)?;
        let storage = place.empty_folder()?;
        let mut command = pins.command(Cpu::Server, &place.partykit);
        command
            .args(["dev", "--quiet", "--no-hotkeys", "--port", "0", "--persist"])
            .arg(storage.path())
            .current_dir(&place.rooms)
            .env(CACHE_VARIABLE, cache)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            // Answers are checked by whoever asks; what rooms complain of would drown the tables.
            .stderr(if variables.is_empty() {
                Stdio::inherit()
            } else {
                Stdio::null()
            })
            .stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let stdout = child
            .stdout
            .take()
            .ok_or("the server's output is not there")?;
        let mut printed = BufReader::new(stdout);
        let address = ready_address(&mut printed);
        let mut server = Self {
            child,
            url: String::new(),
            _printed: printed,
            _storage: storage,
        };
        server.url = address?;
        Ok(server)
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // At once: its storage goes with it, and it may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address in the first line that has one. It names localhost, which can be one of two
/// addresses; roomload takes one.
fn ready_address(printed: &mut impl BufRead) -> Result<String, Failure> {
    for line in printed.lines() {
        if let Some((_, port)) = line?.split_once("http://localhost:") {
            return Ok(format!("http://127.0.0.1:{}", port.trim()));
        }
    }
    Err("the server ended before it was ready".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_taken_from_the_line_that_has_one() {
        let printed = "warning\nReady on http://localhost:4321\nlater\n";
        let address = ready_address(&mut printed.as_bytes()).unwrap();
        assert_eq!(address, "http://127.0.0.1:4321");
        assert!(ready_address(&mut "nothing\n".as_bytes()).is_err());
    }
}
