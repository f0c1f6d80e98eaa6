use std::net::{SocketAddr, ToSocketAddrs};

#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Proto {
    /// plain WebSocket messages
    Ws,
    /// Engine.IO 4 / Socket.IO 5 over the WebSocket transport, event "m"
    Socketio,
}

#[derive(Clone, Debug)]
pub struct Target {
    pub addr: SocketAddr,
    pub host: String,
    pub template: String,
    pub proto: Proto,
    /// messages are binary and must come back so
    pub binary: bool,
}

impl Target {
    pub fn parse(url: &str, template: &str, proto: Proto, binary: bool) -> Result<Target, String> {
        let rest = url
            .strip_prefix("http://")
            .or_else(|| url.strip_prefix("ws://"))
            .ok_or("the base URL must begin with http:// or ws://")?;
        let host = rest.trim_end_matches('/').to_string();
        if host.contains('/') {
            return Err("the base URL takes no path; use --path".into());
        }
        if !template.contains("{room}") {
            return Err("--path must contain {room}".into());
        }
        let hp = if host
            .rsplit(':')
            .next()
            .is_some_and(|p| p.parse::<u16>().is_ok())
        {
            host.clone()
        } else {
            format!("{host}:80")
        };
        let addr = hp
            .to_socket_addrs()
            .map_err(|e| format!("{host}: {e}"))?
            .next()
            .ok_or("no address")?;
        Ok(Target {
            addr,
            host,
            template: template.into(),
            proto,
            binary,
        })
    }
    pub fn path(&self, room: &str) -> String {
        self.template.replace("{room}", room)
    }
}
