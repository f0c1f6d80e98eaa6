//! What an operator can set, in one struct: units in the names, a default for everything.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use partykit_core::{Limits, ProjectName};
pub use partykit_storage::StorageConfig;

use crate::assets::Assets;
use crate::live::Live;
use crate::tls::Tls;
use crate::unread::RestLimits;

/// Configuration of a host.
#[derive(Debug, Clone)]
pub struct Config {
    /// Addresses to listen on. Port 0 takes any free one; the first address decides the port of
    /// the others then.
    pub listen: Vec<SocketAddr>,
    /// Where rooms keep what must survive.
    pub storage: StorageConfig,
    /// Limits of each room.
    pub limits: Limits,
    /// Limits of the host and of each connection.
    pub host: HostLimits,
    /// Where the compiled engine is kept, so that it is compiled once per machine; none compiles
    /// it at every start.
    pub cache_dir: Option<PathBuf>,
    /// Who tells open pages what changes; none outside of development.
    pub live: Option<Live>,
    /// What HTTPS is served with; none serves HTTP.
    pub tls: Option<Tls>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 1999))],
            storage: StorageConfig::Memory,
            limits: Limits::default(),
            host: HostLimits::default(),
            cache_dir: None,
            live: None,
            tls: None,
        }
    }
}

/// Limits that are not a room's.
#[derive(Debug, Clone)]
pub struct HostLimits {
    /// Rooms with memory of their own at one time. None: as many as this machine allows, which is
    /// computed at the start (`capacity.rs`).
    pub max_resident_rooms: Option<usize>,
    /// Images of code that are kept for the next room, in bytes; beyond it the ones used longest
    /// ago are dropped.
    pub images_bytes_max: u64,
    /// What all rooms together keep at hand of their storage; a room alone
    /// `storage_cache_bytes_max`.
    pub storage_cache_bytes_total_max: u64,
    /// Alarms whose rooms have been told and are not done with them; others wait in the store.
    pub alarms_in_flight_max: usize,
    /// HTTP connections at one time, open WebSockets not counted; others wait to be accepted.
    pub http_connections_max: usize,
    /// The head of a request may take so long, as may the next one on the same connection.
    pub head_ms: u64,
    /// A piece of a request's body may take so long.
    pub body_piece_ms: u64,
    /// Of a request's body that was not read before the answer, so much is read and thrown away,
    /// to keep the connection or to let the answer arrive; with more to come it is closed.
    pub body_rest_bytes_max: u64,
    /// The same, as a time.
    pub body_rest_ms: u64,
    /// A client that takes no byte of its answer for so long is cut off.
    pub answer_stall_ms: u64,
    /// A connection that was silent so long is pinged.
    pub ping_interval_ms: u64,
    /// A connection that has not answered a ping for so long is dropped.
    pub pong_ms: u64,
    /// After a Close frame was sent, the peer's is waited for so long.
    pub close_ms: u64,
    /// When a room is ended, its handlers may finish for so long; what is owed then is answered
    /// with 503, and streams break off. At shutdown at most half of `shutdown_ms`.
    pub drain_ms: u64,
    /// At shutdown, and when code is replaced, everything together may take so long.
    pub shutdown_ms: u64,
}

impl Default for HostLimits {
    fn default() -> Self {
        Self {
            max_resident_rooms: None,
            images_bytes_max: 256 << 20,
            storage_cache_bytes_total_max: 256 << 20,
            // A handler may take a quarter of an hour, and costs no more than its room meanwhile.
            alarms_in_flight_max: 1_000,
            http_connections_max: 10_000,
            head_ms: 30_000,
            body_piece_ms: 30_000,
            // What a client has typically sent before it looks at an answer.
            body_rest_bytes_max: 256 * 1024,
            body_rest_ms: 5_000,
            answer_stall_ms: 30_000,
            // Below the minute after which common proxies drop a silent connection.
            ping_interval_ms: 25_000,
            pong_ms: 10_000,
            close_ms: 5_000,
            drain_ms: 5_000,
            shutdown_ms: 10_000,
        }
    }
}

/// One build of a project, as the host runs it.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// Part of every room's identity.
    pub project: ProjectName,
    /// One ES module whose default export is the user's class or object. Without it there are no
    /// rooms: whoever asks for one is told to come back.
    pub bundle: Option<String>,
    /// A JSON object: what room code reads as `room.env`.
    pub env: String,
    /// Static files, if the project has some.
    pub assets: Option<Arc<Assets>>,
}

impl HostLimits {
    pub(crate) fn body_rest(&self) -> RestLimits {
        RestLimits {
            bytes_max: self.body_rest_bytes_max,
            time: Duration::from_millis(self.body_rest_ms),
        }
    }

    fn by_name(&mut self, name: &str) -> Option<Setting<'_>> {
        Some(match name {
            "max_resident_rooms" => Setting::Optional(&mut self.max_resident_rooms),
            "images_bytes_max" => Setting::Number(&mut self.images_bytes_max),
            "storage_cache_bytes_total_max" => {
                Setting::Number(&mut self.storage_cache_bytes_total_max)
            }
            "alarms_in_flight_max" => Setting::Count(&mut self.alarms_in_flight_max),
            "http_connections_max" => Setting::Count(&mut self.http_connections_max),
            "head_ms" => Setting::Number(&mut self.head_ms),
            "body_piece_ms" => Setting::Number(&mut self.body_piece_ms),
            "body_rest_bytes_max" => Setting::Number(&mut self.body_rest_bytes_max),
            "body_rest_ms" => Setting::Number(&mut self.body_rest_ms),
            "answer_stall_ms" => Setting::Number(&mut self.answer_stall_ms),
            "ping_interval_ms" => Setting::Number(&mut self.ping_interval_ms),
            "pong_ms" => Setting::Number(&mut self.pong_ms),
            "close_ms" => Setting::Number(&mut self.close_ms),
            "drain_ms" => Setting::Number(&mut self.drain_ms),
            "shutdown_ms" => Setting::Number(&mut self.shutdown_ms),
            _ => return None,
        })
    }
}

enum Setting<'a> {
    Number(&'a mut u64),
    Count(&'a mut usize),
    Optional(&'a mut Option<usize>),
}

/// Why a limit could not be set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingError {
    /// There is no such limit.
    #[error("there is no limit `{name}`")]
    Unknown {
        /// As given.
        name: String,
    },
    /// Not a whole number above 0.
    #[error("`{name}` must be a whole number above 0, not `{value}`")]
    Number {
        /// Which limit.
        name: String,
        /// As given.
        value: String,
    },
}

impl Config {
    /// Sets a limit of rooms or of the host by its name.
    ///
    /// # Errors
    /// There is no such limit, or the value is no whole number above 0.
    pub fn set_limit(&mut self, name: &str, value: &str) -> Result<(), SettingError> {
        let wrong = || SettingError::Number {
            name: name.to_owned(),
            value: value.to_owned(),
        };
        let number: u64 = value.parse().map_err(|_| wrong())?;
        if number == 0 {
            return Err(wrong());
        }
        if let Some(limit) = self.limits.by_name(name) {
            *limit = number;
            return Ok(());
        }
        let count = || usize::try_from(number).map_err(|_| wrong());
        match self.host.by_name(name) {
            Some(Setting::Number(limit)) => *limit = number,
            Some(Setting::Count(limit)) => *limit = count()?,
            Some(Setting::Optional(limit)) => *limit = Some(count()?),
            None => {
                return Err(SettingError::Unknown {
                    name: name.to_owned(),
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_rooms_and_of_the_host_are_set_by_name() {
        let mut config = Config::default();
        config.set_limit("message_bytes_max", "1048576").unwrap();
        config.set_limit("max_resident_rooms", "7").unwrap();
        assert_eq!(config.limits.message_bytes_max, 1_048_576);
        assert_eq!(config.host.max_resident_rooms, Some(7));
        let of_the_host = [
            "body_rest_bytes_max",
            "body_rest_ms",
            "answer_stall_ms",
            "drain_ms",
        ];
        for name in of_the_host {
            config.set_limit(name, "11").unwrap();
        }
        let host = &config.host;
        let set = [
            host.body_rest_bytes_max,
            host.body_rest_ms,
            host.answer_stall_ms,
            host.drain_ms,
        ];
        assert_eq!(set, [11; 4]);
        for (name, value) in [
            ("max_resident_rooms", "0"),
            ("max_resident_rooms", "many"),
            ("no_limit", "1"),
        ] {
            let error = config.set_limit(name, value).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }
}
