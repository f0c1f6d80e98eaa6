//! What can go wrong: [`EngineError`] while the host sets up, and the table that turns whatever
//! ended a call into wasm into a [`GuestError`].

use std::error::Error;
use std::fmt::Write as _;
use std::path::PathBuf;

use partykit_core::GuestError;
use wasmtime::WasmBacktrace;

use crate::state::GuestState;

/// Frames of a wasm backtrace that are worth a reader's time; recursion repeats itself.
const FRAMES_MAX: usize = 8;

/// The cause as another library reported it.
pub(crate) type Cause = Box<dyn Error + Send + Sync>;

/// Why the engine could not be set up. Always the host's fault, never a room's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// wasmtime does not run on this machine as it is needed.
    #[error("the wasm engine could not be set up")]
    Engine(#[source] Cause),
    /// The directory for compiled code cannot be used.
    #[error("the compilation cache in {} could not be opened", dir.display())]
    Cache {
        /// Which directory.
        dir: PathBuf,
        /// What failed.
        #[source]
        source: Cause,
    },
    /// The ticker's thread could not be started.
    #[error("the ticker thread could not be started")]
    Ticker(#[source] std::io::Error),
    /// There is no memory for what guests begin with.
    #[error("the memory that guests begin with could not be made")]
    Image(#[source] std::io::Error),
    /// The bytes are no component, or one that cannot be compiled.
    #[error("the guest component could not be compiled")]
    Compile(#[source] Cause),
    /// The component imports what no guest gets, or lacks what a guest must export.
    #[error("the guest component does not fit the contract partykit:room")]
    Contract(#[source] Cause),
}

/// What ended a call into a guest. The first that applies: an import or a limit that ended it on
/// purpose, memory that was refused, anything else.
pub(crate) fn guest_error(error: &wasmtime::Error, state: &GuestState) -> GuestError {
    if let Some(error) = error.downcast_ref::<GuestError>() {
        return error.clone();
    }
    if let Some(error) = state.memory.exceeded() {
        return error;
    }
    GuestError::Trap {
        message: trap_message(error),
    }
}

/// The cause, and where in the guest: innermost function first.
fn trap_message(error: &wasmtime::Error) -> String {
    let mut message = error.root_cause().to_string();
    let frames = error
        .downcast_ref::<WasmBacktrace>()
        .map_or(&[][..], WasmBacktrace::frames);
    for (index, frame) in frames.iter().take(FRAMES_MAX).enumerate() {
        message.push_str(if index == 0 { ", in " } else { " < " });
        match frame.func_name() {
            Some(name) => message.push_str(name),
            // Writing to a String cannot fail.
            None => drop(write!(message, "function {}", frame.func_index())),
        }
    }
    if frames.len() > FRAMES_MAX {
        message.push_str(" < ...");
    }
    message
}
