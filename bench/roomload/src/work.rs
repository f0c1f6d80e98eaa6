//! What is sent and what must come back, for the modes where each message has one answer.

use crate::text::{get_decimal, padding, put_decimal, shown};

/// Work whose answers arrive in the order of the messages of one connection.
pub(crate) trait Work {
    /// Writes message `seq` of this connection into `out`.
    fn make(&mut self, seq: u64, out: &mut Vec<u8>);

    /// `None` when `got` is the right answer to message `seq`, else what is wrong.
    fn check(&mut self, seq: u64, got: &[u8]) -> Option<String>;

    /// Values to be judged room by room after the run.
    fn values(&mut self) -> Vec<u64> {
        Vec::new()
    }
}

/// Makes the work of a connection, by its number.
pub(crate) type MakeWork = dyn Fn(u64) -> Box<dyn Work> + Sync;

/// connection(8) . seq(12) . padding
const ECHO_HEAD: usize = 8 + 1 + 12 + 1;

/// Every message comes back as it was sent, and names its connection and its number.
pub(crate) struct Echo {
    message: Vec<u8>,
}

impl Echo {
    /// `size` is raised to what the numbers need.
    pub(crate) fn new(connection: u64, size: usize) -> Self {
        let size = size.max(ECHO_HEAD + 2);
        let mut message = vec![b'.'; ECHO_HEAD];
        put_decimal(&mut message[..8], connection);
        message.extend(padding(connection + 1, size - ECHO_HEAD));
        Self { message }
    }
}

impl Work for Echo {
    fn make(&mut self, seq: u64, out: &mut Vec<u8>) {
        put_decimal(&mut self.message[9..21], seq);
        out.clear();
        out.extend_from_slice(&self.message);
    }

    fn check(&mut self, seq: u64, got: &[u8]) -> Option<String> {
        put_decimal(&mut self.message[9..21], seq);
        if got == self.message {
            return None;
        }
        let (wanted, got) = (shown(&self.message), shown(got));
        Some(format!("wrong echo, e.g. wanted {wanted} got {got}"))
    }
}

/// The room adds one to a stored number and answers with it.
#[derive(Default)]
pub(crate) struct Counter {
    last: u64,
    got: Vec<u64>,
}

impl Work for Counter {
    fn make(&mut self, _seq: u64, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(b"inc");
    }

    fn check(&mut self, _seq: u64, got: &[u8]) -> Option<String> {
        let Some(value) = get_decimal(got) else {
            return Some(format!("not a number: {}", shown(got)));
        };
        self.got.push(value);
        if value > self.last {
            self.last = value;
            return None;
        }
        Some(format!(
            "counter did not rise, e.g. {} then {value}",
            self.last
        ))
    }

    fn values(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.got)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn echo_check_is_exact() {
        let mut echo = Echo::new(7, 64);
        let mut message = Vec::new();
        echo.make(5, &mut message);
        assert_eq!(message.len(), 64);
        assert!(echo.check(5, &message).is_none());
        assert!(echo.check(6, &message).is_some());
        message[63] ^= 1;
        assert!(echo.check(5, &message).is_some());
    }

    #[test]
    fn a_counter_must_rise_and_every_value_is_kept_for_the_judge() {
        let mut counter = Counter::default();
        assert!(counter.check(0, b"1").is_none());
        assert!(counter.check(1, b"3").is_none());
        assert!(counter.check(2, b"3").is_some());
        assert!(counter.check(3, b"three").is_some());
        assert_eq!(counter.values(), [1, 3, 3]);
    }
}
