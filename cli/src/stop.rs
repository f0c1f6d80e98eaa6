//! The signals by which a command is asked to end: Ctrl-C, and on Unix SIGTERM and SIGHUP.

use std::io;
use std::time::Duration;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens from its creation on: a signal that comes while nobody waits is not lost.
#[derive(Debug)]
pub(crate) struct Stop {
    #[cfg(unix)]
    signals: [Signal; 3],
}

/// A signal that comes so soon after another one is its echo: a shell's Ctrl-C and GNU timeout
/// each reach a process twice.
const ECHO: Duration = Duration::from_secs(1);

impl Stop {
    /// Returns when somebody asks once more, and means it.
    pub(crate) async fn asked_again(&mut self) {
        tokio::time::sleep(ECHO).await;
        // What came meanwhile is waiting.
        let _ = tokio::time::timeout(Duration::ZERO, self.asked()).await;
        self.asked().await;
    }
}

#[cfg(unix)]
impl Stop {
    /// Takes the signals away from their default, which would end the process at once.
    ///
    /// # Errors
    /// The system refuses.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            signals: [
                signal(SignalKind::interrupt())?,
                signal(SignalKind::terminate())?,
                signal(SignalKind::hangup())?,
            ],
        })
    }

    /// Returns once for each signal. Cancel-safe.
    pub(crate) async fn asked(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.signals;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

#[cfg(not(unix))]
impl Stop {
    /// Nothing to prepare.
    ///
    /// # Errors
    /// None here.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {})
    }

    /// Returns at Ctrl-C. Cancel-safe.
    pub(crate) async fn asked(&mut self) {
        // Without the signal there is no other way to end than to be ended.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
