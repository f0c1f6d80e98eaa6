//! What the machine and the server's process tree did during a measurement.
//! Everything is read from /proc; only the given pid and its descendants count
//! as "the server".

use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs;
use std::time::Instant;

fn stat_fields(pid: u32) -> Option<(u32, Vec<u64>)> {
    let s = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let after = &s[s.rfind(')')? + 2..];
    let f: Vec<&str> = after.split(' ').collect();
    let ppid = f.get(1)?.parse().ok()?;
    // utime stime cutime cstime: fields 14..17 of proc(5), 11..14 here
    let t = (11..15)
        .map(|i| f.get(i).and_then(|v| v.parse().ok()).unwrap_or(0))
        .collect();
    Some((ppid, t))
}

/// `root` and all its live descendants.
pub fn tree(root: u32) -> Vec<u32> {
    let mut kids: HashMap<u32, Vec<u32>> = HashMap::new();
    if let Ok(rd) = fs::read_dir("/proc") {
        for e in rd.flatten() {
            if let Some(pid) = e.file_name().to_str().and_then(|n| n.parse::<u32>().ok()) {
                if let Some((pp, _)) = stat_fields(pid) {
                    kids.entry(pp).or_default().push(pid);
                }
            }
        }
    }
    let mut out = vec![];
    let mut todo = vec![root];
    while let Some(p) = todo.pop() {
        if fs::metadata(format!("/proc/{p}")).is_ok() {
            out.push(p);
        }
        if let Some(k) = kids.get(&p) {
            todo.extend(k);
        }
    }
    out
}

fn ticks_per_s() -> f64 {
    // SAFETY: sysconf has no preconditions.
    unsafe { libc::sysconf(libc::_SC_CLK_TCK) as f64 }
}

/// CPU seconds of the tree, dead and waited-for children included.
pub fn tree_cpu_s(root: u32) -> f64 {
    let mut t = 0u64;
    for p in tree(root) {
        if let Some((_, f)) = stat_fields(p) {
            t += f.iter().sum::<u64>();
        }
    }
    t as f64 / ticks_per_s()
}

fn self_cpu_s() -> f64 {
    // SAFETY: getrusage fills the zeroed struct it is given.
    unsafe {
        let mut r: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut r);
        let s = |t: libc::timeval| t.tv_sec as f64 + t.tv_usec as f64 / 1e6;
        s(r.ru_utime) + s(r.ru_stime)
    }
}

/// (busy, steal, cpus) in seconds since boot; busy excludes idle, iowait, steal.
fn machine_cpu() -> (f64, f64, usize) {
    let s = fs::read_to_string("/proc/stat").unwrap_or_default();
    let mut busy = 0.0;
    let mut steal = 0.0;
    let mut n = 0;
    for l in s.lines() {
        if let Some(rest) = l.strip_prefix("cpu ") {
            let f: Vec<f64> = rest
                .split_whitespace()
                .filter_map(|v| v.parse().ok())
                .collect();
            if f.len() >= 8 {
                busy = f[0] + f[1] + f[2] + f[5] + f[6];
                steal = f[7];
            }
        } else if l.starts_with("cpu") {
            n += 1;
        }
    }
    let t = ticks_per_s();
    (busy / t, steal / t, n)
}

#[derive(Clone, Copy, Default, Debug)]
pub struct Mem {
    pub rss: u64,
    pub pss: u64,
    pub private: u64,
    pub procs: u64,
}

/// Memory of the tree from smaps_rollup, in bytes.
pub fn tree_mem(root: u32) -> Mem {
    let mut m = Mem::default();
    for p in tree(root) {
        let Ok(s) = fs::read_to_string(format!("/proc/{p}/smaps_rollup")) else {
            continue;
        };
        m.procs += 1;
        for l in s.lines() {
            let mut it = l.split_whitespace();
            let (Some(k), Some(v)) = (it.next(), it.next()) else {
                continue;
            };
            let kb: u64 = v.parse().unwrap_or(0);
            match k {
                "Rss:" => m.rss += kb * 1024,
                "Pss:" => m.pss += kb * 1024,
                "Private_Clean:" | "Private_Dirty:" => m.private += kb * 1024,
                _ => {}
            }
        }
    }
    m
}

pub struct Sampler {
    pid: Option<u32>,
    t: Instant,
    server: f64,
    me: f64,
    busy: f64,
    steal: f64,
}

pub struct Env {
    pub wall_s: f64,
    pub server_cpu_s: Option<f64>,
    pub client_cpu_s: f64,
    pub busy_s: f64,
    pub steal_s: f64,
    pub cpus: usize,
    pub mem: Option<Mem>,
}

impl Sampler {
    pub fn start(pid: Option<u32>) -> Sampler {
        let (busy, steal, _) = machine_cpu();
        Sampler {
            pid,
            t: Instant::now(),
            server: pid.map(tree_cpu_s).unwrap_or(0.0),
            me: self_cpu_s(),
            busy,
            steal,
        }
    }
    pub fn stop(&self) -> Env {
        let wall_s = self.t.elapsed().as_secs_f64();
        let client_cpu_s = self_cpu_s() - self.me;
        let (busy, steal, cpus) = machine_cpu();
        Env {
            wall_s,
            server_cpu_s: self.pid.map(|p| tree_cpu_s(p) - self.server),
            client_cpu_s,
            busy_s: busy - self.busy,
            steal_s: steal - self.steal,
            cpus,
            mem: self.pid.map(tree_mem),
        }
    }
}

fn r3(x: f64) -> f64 {
    (x * 1000.0).round() / 1000.0
}

impl Env {
    pub fn json(&self) -> Value {
        let w = self.wall_s.max(1e-9);
        let foreign = self
            .server_cpu_s
            .map(|s| (self.busy_s - s - self.client_cpu_s).max(0.0) / w);
        json!({
            "wall_s": r3(self.wall_s),
            "cpus": self.cpus,
            "client_cores": r3(self.client_cpu_s / w),
            "server_cores": self.server_cpu_s.map(|s| r3(s / w)),
            "other_cores": foreign.map(r3),
            "steal_cores": r3(self.steal_s / w),
            "server_rss_mib": self.mem.map(|m| r3(m.rss as f64 / 1048576.0)),
            "server_pss_mib": self.mem.map(|m| r3(m.pss as f64 / 1048576.0)),
            "server_procs": self.mem.map(|m| m.procs),
        })
    }
    /// Server CPU in microseconds for each of `n` units of work.
    pub fn cpu_us_per(&self, n: u64) -> Option<f64> {
        self.server_cpu_s
            .filter(|_| n > 0)
            .map(|s| r3(s * 1e6 / n as f64))
    }
}
