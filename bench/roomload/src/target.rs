//! The server under test: its address, and the paths of its rooms.

use std::net::{SocketAddr, ToSocketAddrs};

use crate::args::Settings;

/// What is spoken on the sockets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Proto {
    /// Plain WebSocket messages
    Ws,
    /// Engine.IO 4 / Socket.IO 5 over the WebSocket transport, event "m"
    Socketio,
}

/// Where rooms are.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) addr: SocketAddr,
    /// As the header names it.
    pub(crate) host: String,
    template: String,
    pub(crate) proto: Proto,
    /// Messages are binary and must come back so.
    pub(crate) binary: bool,
}

impl Target {
    /// # Errors
    /// A URL or a path that cannot be used, or a host without an address.
    pub(crate) fn parse(settings: &Settings) -> Result<Self, String> {
        let url = &settings.url;
        let rest = url
            .strip_prefix("http://")
            .or_else(|| url.strip_prefix("ws://"));
        let rest = rest.ok_or("the base URL must begin with http:// or ws://")?;
        let host = rest.trim_end_matches('/').to_owned();
        if host.contains('/') {
            return Err("the base URL takes no path; use --path".into());
        }
        if !settings.path.contains("{room}") {
            return Err("--path must contain {room}".into());
        }
        let port = host
            .rsplit(':')
            .next()
            .and_then(|port| port.parse::<u16>().ok());
        let with_port = if port.is_some() {
            host.clone()
        } else {
            format!("{host}:80")
        };
        let mut addresses = with_port
            .to_socket_addrs()
            .map_err(|error| format!("{host}: {error}"))?;
        Ok(Self {
            addr: addresses.next().ok_or("no address")?,
            host,
            template: settings.path.clone(),
            proto: settings.proto,
            binary: settings.binary,
        })
    }

    pub(crate) fn path(&self, room: &str) -> String {
        self.template.replace("{room}", room)
    }
}

/// The first word tells the room what to do.
pub(crate) fn room_name(work: &str, tag: &str, index: usize) -> String {
    format!("{work}-{tag}-{index}")
}
