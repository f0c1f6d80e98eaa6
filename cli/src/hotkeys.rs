//! Single keys from the terminal that the command runs in. Lines are not waited for, and what is
//! typed is not shown; Ctrl-C still works, and output is not touched.

#[cfg(unix)]
use std::io::Read;

use tokio::sync::mpsc;

/// What somebody wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    Browser,
    Clear,
    Rebuild,
    Exit,
    /// An empty line, to see what is new below it.
    Line,
}

/// For people.
pub(crate) const KEYS: &[(char, &str)] = &[
    ('b', "open a browser"),
    ('c', "clear"),
    ('r', "bundle again"),
    ('x', "exit"),
];

impl Key {
    fn of(byte: u8) -> Option<Self> {
        Some(match byte.to_ascii_lowercase() {
            b'b' => Self::Browser,
            b'c' => Self::Clear,
            b'r' => Self::Rebuild,
            b'x' | b'q' => Self::Exit,
            b'\n' | b'\r' => Self::Line,
            _ => return None,
        })
    }
}

/// Keys as they come. The terminal is as it was when this is dropped.
pub(crate) struct Hotkeys {
    keys: mpsc::UnboundedReceiver<Key>,
    #[cfg(unix)]
    terminal: unix::Terminal,
}

impl Hotkeys {
    /// None when nobody can press any: no terminal, or one that belongs to another program now.
    #[cfg(unix)]
    pub(crate) fn listen() -> Option<Self> {
        let terminal = unix::Terminal::take()?;
        let (sender, keys) = mpsc::unbounded_channel();
        // It ends with the process: nothing wakes a thread that waits for a key.
        std::thread::Builder::new()
            .name("keys".to_owned())
            .spawn(move || {
                for byte in std::io::stdin().lock().bytes() {
                    let Ok(byte) = byte else { return };
                    if Key::of(byte).is_some_and(|key| sender.send(key).is_err()) {
                        return;
                    }
                }
            })
            .ok()?;
        Some(Self { keys, terminal })
    }

    /// None: reading single keys is done for Unix only.
    #[cfg(not(unix))]
    pub(crate) fn listen() -> Option<Self> {
        None
    }

    /// The next key; never, once the terminal is gone. Cancel-safe.
    pub(crate) async fn next(keys: &mut Option<Self>) -> Key {
        if let Some(keys) = keys
            && let Some(key) = keys.receive().await
        {
            return key;
        }
        std::future::pending().await
    }

    #[cfg(unix)]
    async fn receive(&mut self) -> Option<Key> {
        loop {
            tokio::select! {
                key = self.keys.recv() => return key,
                // The shell has had the terminal meanwhile, with line editing.
                () = self.terminal.continued() => self.terminal.take_again(),
            }
        }
    }

    #[cfg(not(unix))]
    async fn receive(&mut self) -> Option<Key> {
        self.keys.recv().await
    }
}

#[cfg(unix)]
mod unix {
    use std::io::stdin;

    use rustix::process::{Signal, getpgrp};
    use rustix::termios::{LocalModes, OptionalActions, Termios, isatty};
    use rustix::termios::{tcgetattr, tcgetpgrp, tcsetattr};
    use tokio::signal::unix as signals;

    /// The terminal without its line editing.
    pub(super) struct Terminal {
        before: Termios,
        single: Termios,
        continued: signals::Signal,
    }

    impl Terminal {
        pub(super) fn take() -> Option<Self> {
            let input = stdin();
            if !isatty(&input) || !is_ours() {
                return None;
            }
            let kind = signals::SignalKind::from_raw(Signal::CONT.as_raw());
            let continued = signals::signal(kind).ok()?;
            let before = tcgetattr(&input).ok()?;
            let mut single = before.clone();
            single.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
            tcsetattr(&input, OptionalActions::Now, &single).ok()?;
            Some(Self {
                before,
                single,
                continued,
            })
        }

        /// Returns each time the process goes on after it was stopped. Cancel-safe.
        pub(super) async fn continued(&mut self) {
            if self.continued.recv().await.is_none() {
                std::future::pending::<()>().await;
            }
        }

        /// Without line editing once more; in the background, the terminal is somebody else's.
        pub(super) fn take_again(&self) {
            if is_ours() {
                // When it is gone, there are no keys to hear.
                let _ = tcsetattr(stdin(), OptionalActions::Now, &self.single);
            }
        }
    }

    /// A program in the background would be stopped for touching it.
    fn is_ours() -> bool {
        tcgetpgrp(stdin()).is_ok_and(|group| group == getpgrp())
    }

    impl Drop for Terminal {
        fn drop(&mut self) {
            // In the background, too, it would be somebody else's that is changed.
            if is_ours() {
                // When it is gone, there is nothing to give back.
                let _ = tcsetattr(stdin(), OptionalActions::Now, &self.before);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_that_is_told_of_does_something_in_either_case() {
        for (key, _) in KEYS {
            let byte = u8::try_from(*key).unwrap();
            assert!(Key::of(byte).is_some(), "{key}");
            assert_eq!(Key::of(byte), Key::of(byte.to_ascii_uppercase()));
        }
        assert_eq!(Key::of(b'q'), Some(Key::Exit));
        assert_eq!(Key::of(b'z'), None);
    }
}
