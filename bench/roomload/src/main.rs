//! roomload: load and correctness for PartyKit-style room servers.
//!
//! Exit status: 0 all right, 1 something was lost, wrong, repeated or out of
//! order, 2 the run could not be made.

mod connect;
mod fanout;
mod http;
mod idle;
mod proc;
mod reqans;
mod startup;
mod stats;
mod target;
mod work;
mod ws;

use clap::{Args, Parser, Subcommand};
use serde_json::{Value, json};
use stats::Complaints;
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use target::{Proto, Target};

static BASE: OnceLock<Instant> = OnceLock::new();

/// Nanoseconds of the monotonic clock since this program began.
#[inline]
pub fn now_ns() -> u64 {
    BASE.get_or_init(Instant::now).elapsed().as_nanos() as u64
}
pub async fn sleep_until_ns(ns: u64) {
    let at = *BASE.get_or_init(Instant::now) + Duration::from_nanos(ns);
    tokio::time::sleep_until(at.into()).await
}
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("runtime")
}

#[derive(Args, Debug, Clone)]
pub struct Common {
    /// base URL of the server
    #[arg(long, global = true, default_value = "http://127.0.0.1:1999")]
    pub url: String,
    /// path of a room
    #[arg(long, global = true, default_value = "/parties/main/{room}")]
    pub path: String,
    #[arg(long, global = true, value_enum, default_value = "ws")]
    pub proto: Proto,
    /// seconds measured
    #[arg(long, global = true, default_value_t = 5.0)]
    pub secs: f64,
    /// seconds run before measuring
    #[arg(long, global = true, default_value_t = 1.0)]
    pub warmup: f64,
    /// seconds to wait for what is still missing at the end
    #[arg(long, global = true, default_value_t = 10.0)]
    pub drain: f64,
    /// load threads
    #[arg(long, global = true, default_value_t = 1)]
    pub threads: usize,
    /// root of the server's process tree: report its CPU and memory
    #[arg(long, global = true)]
    pub server_pid: Option<u32>,
    /// part of all room names; the same tag meets the same rooms again
    #[arg(long, global = true, default_value = "")]
    pub tag: String,
    /// send binary messages and want binary answers (echo, fanout, connect, idle)
    #[arg(long, global = true)]
    pub binary: bool,
    /// print one JSON object
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Parser, Debug)]
#[command(version, about)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    mode: Mode,
}

#[derive(Subcommand, Debug)]
enum Mode {
    /// Every message comes back unchanged to its sender (rooms echo-*)
    Echo {
        #[arg(long, default_value_t = 100)]
        conns: usize,
        #[arg(long, default_value_t = 10)]
        rooms: usize,
        /// messages in flight on each connection
        #[arg(long, default_value_t = 1)]
        pipeline: usize,
        /// bytes of a message
        #[arg(long, default_value_t = 64)]
        size: usize,
        /// messages per second over all connections, sent whether or not answers come
        #[arg(long)]
        rate: Option<f64>,
    },
    /// Each message adds one to a number the room stores, and is answered with it (rooms ctr-*)
    Counter {
        #[arg(long, default_value_t = 10)]
        conns: usize,
        #[arg(long, default_value_t = 10)]
        rooms: usize,
        #[arg(long, default_value_t = 1)]
        pipeline: usize,
        /// the server may be killed during the run; only what was answered counts
        #[arg(long)]
        allow_death: bool,
        /// write the highest answered number of each room here
        #[arg(long)]
        state_out: Option<String>,
        /// rooms must go on above the numbers in this file (give the same --tag)
        #[arg(long)]
        state_in: Option<String>,
    },
    /// JSON parse, walk, hash loop, stringify (rooms cpu-*)
    Cpu {
        #[arg(long, default_value_t = 10)]
        conns: usize,
        #[arg(long, default_value_t = 10)]
        rooms: usize,
        #[arg(long, default_value_t = 1)]
        pipeline: usize,
        #[arg(long, default_value_t = 4096)]
        size: usize,
        /// turns of the hash loop
        #[arg(long, default_value_t = 2000)]
        loops: u32,
    },
    /// One sender per room, everybody in it gets every message (rooms bc-*)
    Fanout {
        #[arg(long, default_value_t = 10)]
        rooms: usize,
        /// connections in each room
        #[arg(long, default_value_t = 20)]
        conns: usize,
        /// broadcasts under way in each room
        #[arg(long, default_value_t = 8)]
        window: u64,
        #[arg(long, default_value_t = 100)]
        size: usize,
        /// broadcasts per second and room instead of a window
        #[arg(long)]
        rate: Option<f64>,
    },
    /// Open, first answer, close; a new room each time (rooms echo-*)
    Connect {
        /// opened at the same time
        #[arg(long, default_value_t = 1)]
        lanes: usize,
        #[arg(long, default_value_t = 2000)]
        count: u64,
        #[arg(long)]
        same_room: bool,
        #[arg(long)]
        keep: bool,
        /// fail when the server leaves a Close unanswered
        #[arg(long)]
        strict_close: bool,
    },
    /// GET or POST to rooms (rooms http-*)
    Http {
        #[arg(long, default_value_t = 32)]
        conns: usize,
        #[arg(long, default_value_t = 10)]
        rooms: usize,
        #[arg(long)]
        post: bool,
        /// bytes of a POST body
        #[arg(long, default_value_t = 256)]
        size: usize,
        /// a room never seen before for each request
        #[arg(long)]
        new_room: bool,
    },
    /// Memory of idle rooms (rooms echo-*)
    Idle {
        /// numbers of rooms to stop at
        #[arg(long, value_delimiter = ',', default_value = "100,1000")]
        steps: Vec<usize>,
        #[arg(long, default_value_t = 16)]
        lanes: usize,
        /// seconds to wait at each step before looking
        #[arg(long, default_value_t = 5.0)]
        hold: f64,
        /// connections in each room
        #[arg(long, default_value_t = 1)]
        room_conns: usize,
    },
    /// Start a server and time its first answer; the server is ended afterwards
    Startup {
        #[arg(long, default_value_t = 60.0)]
        limit: f64,
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
}

pub struct Outcome {
    pub result: Value,
    pub env: Value,
    pub complaints: Complaints,
    pub rooms: Vec<Vec<u64>>,
}
impl Outcome {
    pub fn new() -> Outcome {
        Outcome {
            result: Value::Null,
            env: Value::Null,
            complaints: Complaints::default(),
            rooms: vec![],
        }
    }
}

fn die(m: impl std::fmt::Display) -> ! {
    eprintln!("roomload: {m}");
    std::process::exit(2)
}

fn table(prefix: &str, v: &Value) {
    match v {
        Value::Object(m) if m.contains_key("p50") => {
            let g = |k: &str| m.get(k).and_then(Value::as_f64).unwrap_or(f64::NAN);
            println!(
                "{prefix:<28} p50 {:>10.1}  p90 {:>10.1}  p99 {:>10.1}  p99.9 {:>10.1}  max {:>11.1}",
                g("p50"),
                g("p90"),
                g("p99"),
                g("p99_9"),
                g("max")
            );
        }
        Value::Object(m) => {
            for (k, v) in m {
                table(
                    &if prefix.is_empty() {
                        k.clone()
                    } else {
                        format!("{prefix}.{k}")
                    },
                    v,
                )
            }
        }
        Value::Array(a) => {
            for (i, v) in a.iter().enumerate() {
                table(&format!("{prefix}[{i}]"), v)
            }
        }
        Value::Null => {}
        v => println!("{prefix:<28} {v}"),
    }
}

fn main() {
    let cli = Cli::parse();
    now_ns();
    let mut c = cli.common;
    if c.tag.is_empty() {
        let t = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map(|d| d.as_millis() as u64)
            .unwrap_or(0);
        c.tag = format!("{:x}{:x}", t & 0xff_ffff_ffff, std::process::id());
    }
    if !c.tag.bytes().all(|b| b.is_ascii_alphanumeric()) {
        die("--tag takes letters and digits only");
    }
    let t = Target::parse(&c.url, &c.path, c.proto, c.binary).unwrap_or_else(|e| die(e));
    if c.secs <= 0.0 || c.warmup < 0.0 || c.threads == 0 {
        die("--secs and --threads must be positive");
    }
    if c.binary
        && (c.proto == Proto::Socketio
            || matches!(cli.mode, Mode::Cpu { .. } | Mode::Counter { .. }))
    {
        die("--binary does not go with this");
    }
    let mode = format!("{:?}", cli.mode);
    let name = mode.split([' ', '{']).next().unwrap_or("").to_lowercase();
    let positive = |n: usize, what: &str| {
        if n == 0 {
            die(format!("{what} must be positive"))
        }
    };
    let mut out = match &cli.mode {
        Mode::Echo {
            conns,
            rooms,
            pipeline,
            size,
            rate,
        } => {
            positive(*conns, "--conns");
            positive(*rooms, "--rooms");
            positive(*pipeline, "--pipeline");
            let cfg = reqans::Cfg {
                prefix: "echo".into(),
                conns: *conns,
                rooms: *rooms,
                pipeline: *pipeline,
                rate: *rate,
                allow_death: false,
            };
            let size = *size;
            reqans::run(&t, &c, &cfg, move |i| Box::new(work::Echo::new(i, size)))
        }
        Mode::Counter {
            conns,
            rooms,
            pipeline,
            allow_death,
            state_out,
            state_in,
        } => {
            positive(*conns, "--conns");
            positive(*rooms, "--rooms");
            positive(*pipeline, "--pipeline");
            let base: Value = match state_in {
                None => Value::Null,
                Some(f) => std::fs::read_to_string(f)
                    .map_err(|e| e.to_string())
                    .and_then(|s| serde_json::from_str(&s).map_err(|e| e.to_string()))
                    .unwrap_or_else(|e| die(format!("{f}: {e}"))),
            };
            let cfg = reqans::Cfg {
                prefix: "ctr".into(),
                conns: *conns,
                rooms: *rooms,
                pipeline: *pipeline,
                rate: None,
                allow_death: *allow_death,
            };
            let mut o = reqans::run(&t, &c, &cfg, |_| Box::new(work::Counter::new()));
            let last = reqans::judge_counters(&mut o, &c.tag, &base, *allow_death);
            if let Some(f) = state_out {
                if let Err(e) = std::fs::write(f, last.to_string()) {
                    die(format!("{f}: {e}"));
                }
            }
            o
        }
        Mode::Cpu {
            conns,
            rooms,
            pipeline,
            size,
            loops,
        } => {
            positive(*conns, "--conns");
            positive(*rooms, "--rooms");
            positive(*pipeline, "--pipeline");
            if c.proto == Proto::Socketio {
                die("cpu needs --proto ws");
            }
            let cfg = reqans::Cfg {
                prefix: "cpu".into(),
                conns: *conns,
                rooms: *rooms,
                pipeline: *pipeline,
                rate: None,
                allow_death: false,
            };
            let (size, loops) = (*size, *loops);
            reqans::run(&t, &c, &cfg, move |i| {
                Box::new(work::Cpu::new(i, size, loops))
            })
        }
        Mode::Fanout {
            rooms,
            conns,
            window,
            size,
            rate,
        } => {
            positive(*rooms, "--rooms");
            positive(*conns, "--conns");
            positive(*window as usize, "--window");
            let cfg = fanout::Cfg {
                rooms: *rooms,
                conns: *conns,
                window: *window,
                size: *size,
                rate: *rate,
            };
            fanout::run(&t, &c, &cfg)
        }
        Mode::Connect {
            lanes,
            count,
            same_room,
            keep,
            strict_close,
        } => {
            positive(*lanes, "--lanes");
            let cfg = connect::Cfg {
                lanes: *lanes,
                count: *count,
                same_room: *same_room,
                keep: *keep,
                strict_close: *strict_close,
            };
            connect::run(&t, &c, &cfg)
        }
        Mode::Http {
            conns,
            rooms,
            post,
            size,
            new_room,
        } => {
            positive(*conns, "--conns");
            positive(*rooms, "--rooms");
            let cfg = http::Cfg {
                conns: *conns,
                rooms: *rooms,
                post: *post,
                size: *size,
                new_room: *new_room,
            };
            http::run(&t, &c, &cfg)
        }
        Mode::Idle {
            steps,
            lanes,
            hold,
            room_conns,
        } => {
            positive(*lanes, "--lanes");
            positive(*room_conns, "--room-conns");
            let cfg = idle::Cfg {
                steps: steps.clone(),
                lanes: *lanes,
                hold: *hold,
                room_conns: *room_conns,
            };
            idle::run(&t, &c, &cfg)
        }
        Mode::Startup { limit, command } => {
            let cfg = startup::Cfg {
                command: command.clone(),
                limit: *limit,
            };
            startup::run(&t, &c, &cfg)
        }
    };
    let could_not = out
        .complaints
        .list
        .iter()
        .any(|(w, _)| w.starts_with("could not start"));
    let ok = out.complaints.is_empty();
    if c.json {
        println!(
            "{}",
            json!({
                "mode": name,
                "args": mode,
                "url": c.url,
                "tag": c.tag,
                "secs": c.secs,
                "threads": c.threads,
                "ok": ok,
                "errors": out.complaints.json(),
                "result": out.result.take(),
                "env": out.env.take(),
            })
        );
    } else {
        println!("{mode}");
        table("", &out.result);
        table("env", &out.env);
        for (w, n) in &out.complaints.list {
            println!("WRONG {n:>8} x {w}");
        }
        println!("{}", if ok { "ok" } else { "FAILED" });
    }
    std::process::exit(if ok {
        0
    } else if could_not {
        2
    } else {
        1
    });
}
