//! From process start to the first answered message.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::args::Settings;
use crate::clock::block_on;
use crate::machine::tree_memory;
use crate::outcome::Outcome;
use crate::stats::round1;
use crate::target::Target;
use crate::ws::{self, Connection};

/// Between two looks whether it listens: part of the error of the result.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// Until memory is looked at: what was only needed for the start is given back by then.
const SETTLE: Duration = Duration::from_millis(1500);
/// For an orderly end.
const END_LIMIT: Duration = Duration::from_secs(3);

const MIB: f64 = 1_048_576.0;

#[derive(Args, Debug, Clone)]
pub(crate) struct Options {
    /// Seconds until it must have answered
    #[arg(long, default_value_t = 60.0)]
    limit: f64,
    /// Must end up as the server, or as its parent
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

/// A server that this program started; its process group ends with it.
struct Started(Child);

impl Started {
    fn signal_group(&self, signal: &str) {
        // The group was made for this child alone. There is no safe call for it in std, and a
        // shell is always there.
        let kill = format!("kill -{signal} -{}", self.0.id());
        let mut shell = Command::new("/bin/sh");
        shell
            .args(["-c", &kill])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // What has already ended cannot be told to.
        let _ = shell.status();
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        self.signal_group("TERM");
        let told = Instant::now();
        while told.elapsed() < END_LIMIT && matches!(self.0.try_wait(), Ok(None)) {
            thread::sleep(Duration::from_millis(10));
        }
        // Also what the leader left behind.
        self.signal_group("KILL");
        let _ = self.0.wait();
    }
}

pub(crate) fn run(target: &Target, settings: &Settings, options: &Options) -> Outcome {
    match measure(target, settings, options) {
        Ok(result) => Outcome {
            result,
            ..Outcome::default()
        },
        Err(complaint) => Outcome::failed(complaint),
    }
}

fn measure(target: &Target, settings: &Settings, options: &Options) -> Result<Value, String> {
    if block_on(TcpStream::connect(target.addr)).is_ok() {
        return Err("something already listens there".to_owned());
    }
    let (program, arguments) = options.command.split_first().ok_or("no command")?;
    let begun = Instant::now();
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn();
    let mut server = Started(child.map_err(|error| format!("cannot start {program}: {error}"))?);
    let limit = Duration::from_secs_f64(options.limit);
    let mut attempts = Attempts {
        begun,
        limit,
        listening: None,
        tries: 0,
    };
    let first = block_on(attempts.first_answer(target, &settings.tag, &mut server))?;
    thread::sleep(SETTLE);
    let memory = tree_memory(server.0.id());
    Ok(json!({
        "first_answer_ms": first,
        "listening_ms": attempts.listening,
        "tries": attempts.tries,
        "rss_mib": round1(memory.rss as f64 / MIB),
        "pss_mib": round1(memory.pss as f64 / MIB),
        "procs": memory.processes,
    }))
}

struct Attempts {
    begun: Instant,
    limit: Duration,
    listening: Option<f64>,
    tries: u32,
}

impl Attempts {
    /// Tries until there is an answer, and says when it came.
    async fn first_answer(
        &mut self,
        target: &Target,
        tag: &str,
        server: &mut Started,
    ) -> Result<f64, String> {
        while self.begun.elapsed() < self.limit {
            if let Ok(Some(status)) = server.0.try_wait() {
                return Err(format!("server ended: {status}"));
            }
            if self.listening.is_none() && TcpStream::connect(target.addr).await.is_ok() {
                self.listening = Some(self.ms());
            }
            if self.listening.is_some() {
                self.tries += 1;
                let asked = ask(target, format!("echo-{tag}-s{}", self.tries));
                if let Ok(Ok((connection, got))) = tokio::time::timeout(self.limit, asked).await {
                    let answered = self.ms();
                    if got != b"hello" {
                        return Err("wrong echo".to_owned());
                    }
                    connection.close().await;
                    return Ok(answered);
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Err("no answer before the limit".to_owned())
    }

    fn ms(&self) -> f64 {
        (self.begun.elapsed().as_secs_f64() * 1e5).round() / 100.0
    }
}

async fn ask(target: &Target, room: String) -> ws::Result<(Connection, Vec<u8>)> {
    let mut connection = Connection::open(target, &room).await?;
    let got = connection.ask(b"hello").await?;
    Ok((connection, got))
}
