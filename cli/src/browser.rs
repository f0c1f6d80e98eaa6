//! Opens an address in the browser of whoever sits here.

use std::process::{Command, Stdio};

/// Asks the system to; whether a window opens is up to it.
///
/// # Errors
/// The system has no such program.
pub(crate) fn open(url: &str) -> std::io::Result<()> {
    let mut command = if cfg!(target_os = "macos") {
        Command::new("open")
    } else if cfg!(windows) {
        let mut command = Command::new("cmd");
        command.args(["/c", "start", ""]);
        command
    } else {
        Command::new("xdg-open")
    };
    let quiet = command
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = quiet.spawn()?;
    // Some of these stay as long as the browser does.
    std::thread::spawn(move || child.wait());
    Ok(())
}
