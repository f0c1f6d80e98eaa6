//! `build.command`: what a project runs to make its own code.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use super::Workshop;
use super::troubles::{Area, of_error};
use crate::error::{CliError, CommandEnded};
use crate::host::Served;
use crate::output::Output;
use crate::project::BuildCommand;

/// What takes longer waits for something that does not come.
const COMMAND_LIMIT: Duration = Duration::from_secs(300);

impl Workshop {
    /// Whether it succeeded.
    pub(super) async fn run_command(&mut self, served: &Served) -> bool {
        let Some(command) = self.plan.command.clone() else {
            return true;
        };
        match run(&command, self.output).await {
            Ok(()) => {
                self.mend(Area::Command);
                true
            }
            Err(error) => {
                self.trouble(Area::Command, of_error(&error), served);
                false
            }
        }
    }
}

/// Runs it to its end; what it prints is seen. Dropping the future ends it.
///
/// # Errors
/// It failed.
pub(super) async fn run(command: &BuildCommand, output: Output) -> Result<(), CliError> {
    output.step(format!("Running {}", command.command));
    let failed = |ended| CliError::Command {
        command: command.command.clone(),
        ended,
    };
    let (shell, option) = if cfg!(windows) {
        ("cmd", "/C")
    } else {
        ("sh", "-c")
    };
    let mut child = Command::new(shell);
    child
        .args([option, &command.command])
        .current_dir(&command.cwd)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    if output.is_for_a_program() {
        // Stdout holds events and nothing else.
        child.stdout(std::io::stderr());
    }
    let ended = timeout(COMMAND_LIMIT, child.status()).await;
    let ended = ended.map_err(|_| failed(CommandEnded::Slow(COMMAND_LIMIT.as_secs())))?;
    let status = ended.map_err(|error| failed(error.into()))?;
    if status.success() {
        return Ok(());
    }
    Err(failed(CommandEnded::Status(status)))
}
