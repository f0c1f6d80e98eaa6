//! What the machine and the server's process tree did during a measurement. Everything is read
//! from Linux' /proc; only the given process and its descendants count as the server. On another
//! system all of it is 0 or missing.

use std::collections::HashMap;
use std::fs;
use std::time::Instant;

use serde_json::{Value, json};

use crate::stats::round3;

/// What /proc counts CPU time in: USER_HZ, which Linux fixes at 100 on all machines of today.
const TICKS_PER_SECOND: f64 = 100.0;

const MIB: f64 = 1_048_576.0;

/// Parent and ticks of user, system, children's user, children's system: fields 4 and 14 to 17 of
/// proc(5).
fn parent_and_ticks(pid: &str) -> Option<(u32, u64)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before may contain anything, blanks and parentheses too.
    let (_, after) = stat.rsplit_once(") ")?;
    let mut fields = after.split(' ').skip(1);
    let parent = fields.next()?.parse().ok()?;
    let ticks = fields
        .skip(9)
        .take(4)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Some((parent, ticks))
}

/// `root` and all its live descendants.
pub(crate) fn tree(root: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().filter(|name| name.parse::<u32>().is_ok()) else {
            continue;
        };
        if let (Some((parent, _)), Ok(pid)) = (parent_and_ticks(pid), pid.parse()) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = Vec::new();
    let mut waiting = vec![root];
    while let Some(pid) = waiting.pop() {
        if fs::metadata(format!("/proc/{pid}")).is_ok() {
            found.push(pid);
        }
        waiting.extend(children.get(&pid).into_iter().flatten());
    }
    found
}

/// CPU seconds of the tree, dead and waited-for children included.
fn tree_cpu_s(root: u32) -> f64 {
    let ticks = |pid: u32| parent_and_ticks(&pid.to_string()).map_or(0, |(_, ticks)| ticks);
    tree(root).into_iter().map(ticks).sum::<u64>() as f64 / TICKS_PER_SECOND
}

fn own_cpu_s() -> f64 {
    parent_and_ticks("self").map_or(0.0, |(_, ticks)| ticks as f64 / TICKS_PER_SECOND)
}

/// Seconds of all CPUs since boot, and how many there are.
#[derive(Clone, Copy, Default)]
struct Cpus {
    /// Without idling, waiting for disks, and what the hypervisor took.
    busy_s: f64,
    steal_s: f64,
    count: usize,
}

fn cpus() -> Cpus {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let mut cpus = Cpus::default();
    for line in stat.lines() {
        if let Some(rest) = line.strip_prefix("cpu ") {
            let fields: Vec<f64> = rest.split_whitespace().flat_map(str::parse).collect();
            if let [user, nice, system, _idle, _wait, irq, softirq, steal, ..] = fields[..] {
                cpus.busy_s = (user + nice + system + irq + softirq) / TICKS_PER_SECOND;
                cpus.steal_s = steal / TICKS_PER_SECOND;
            }
        } else if line.starts_with("cpu") {
            cpus.count += 1;
        }
    }
    cpus
}

/// Memory of a process tree in bytes.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Memory {
    pub(crate) rss: u64,
    pub(crate) pss: u64,
    pub(crate) private: u64,
    pub(crate) processes: u64,
}

/// Memory of the tree, from smaps_rollup.
pub(crate) fn tree_memory(root: u32) -> Memory {
    let mut memory = Memory::default();
    for pid in tree(root) {
        if let Ok(rollup) = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) {
            memory.processes += 1;
            memory.add(&rollup);
        }
    }
    memory
}

impl Memory {
    fn add(&mut self, rollup: &str) {
        for line in rollup.lines() {
            let mut words = line.split_whitespace();
            let (Some(name), Some(kib)) = (words.next(), words.next()) else {
                continue;
            };
            let bytes = kib.parse::<u64>().unwrap_or(0) * 1024;
            match name {
                "Rss:" => self.rss += bytes,
                "Pss:" => self.pss += bytes,
                "Private_Clean:" | "Private_Dirty:" => self.private += bytes,
                _ => {}
            }
        }
    }

    pub(crate) fn json(self) -> Value {
        let Self {
            rss,
            pss,
            private,
            processes,
        } = self;
        json!({ "rss": rss, "pss": pss, "private": private, "procs": processes })
    }
}

/// The beginning of a measurement.
pub(crate) struct Sampler {
    server_pid: Option<u32>,
    began: Instant,
    server_s: f64,
    own_s: f64,
    cpus: Cpus,
}

/// What happened during a measurement.
pub(crate) struct Env {
    pub(crate) wall_s: f64,
    pub(crate) server_cpu_s: Option<f64>,
    client_cpu_s: f64,
    busy_s: f64,
    steal_s: f64,
    cpus: usize,
    memory: Option<Memory>,
}

impl Sampler {
    pub(crate) fn start(server_pid: Option<u32>) -> Self {
        Self {
            server_pid,
            began: Instant::now(),
            server_s: server_pid.map_or(0.0, tree_cpu_s),
            own_s: own_cpu_s(),
            cpus: cpus(),
        }
    }

    pub(crate) fn stop(&self) -> Env {
        let wall_s = self.began.elapsed().as_secs_f64();
        let now = cpus();
        Env {
            wall_s,
            server_cpu_s: self.server_pid.map(|pid| tree_cpu_s(pid) - self.server_s),
            client_cpu_s: own_cpu_s() - self.own_s,
            busy_s: now.busy_s - self.cpus.busy_s,
            steal_s: now.steal_s - self.cpus.steal_s,
            cpus: now.count,
            memory: self.server_pid.map(tree_memory),
        }
    }
}

impl Env {
    pub(crate) fn json(&self) -> Value {
        let wall_s = self.wall_s.max(1e-9);
        let cores = |seconds: f64| round3(seconds / wall_s);
        let others = |server: f64| (self.busy_s - server - self.client_cpu_s).max(0.0);
        json!({
            "wall_s": round3(self.wall_s),
            "cpus": self.cpus,
            "client_cores": cores(self.client_cpu_s),
            "server_cores": self.server_cpu_s.map(cores),
            "other_cores": self.server_cpu_s.map(|server| cores(others(server))),
            "steal_cores": cores(self.steal_s),
            "server_rss_mib": self.memory.map(|memory| round3(memory.rss as f64 / MIB)),
            "server_pss_mib": self.memory.map(|memory| round3(memory.pss as f64 / MIB)),
            "server_procs": self.memory.map(|memory| memory.processes),
        })
    }

    /// Server CPU in microseconds for each of so many units of work.
    pub(crate) fn cpu_us_per(&self, units: u64) -> Option<f64> {
        let seconds = self.server_cpu_s.filter(|_| units > 0)?;
        Some(round3(seconds * 1e6 / units as f64))
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_found_with_its_memory() {
        let own = std::process::id();
        assert!(tree(own).contains(&own));
        let memory = tree_memory(own);
        assert!(memory.processes >= 1 && memory.rss > 0 && memory.private <= memory.rss);
        assert!(cpus().count >= 1);
    }

    #[test]
    fn cpu_time_is_shared_out_to_units() {
        let mut env = Sampler::start(None).stop();
        assert_eq!(env.cpu_us_per(10), None);
        env.server_cpu_s = Some(0.5);
        assert_eq!(env.cpu_us_per(1000), Some(500.0));
        assert_eq!(env.cpu_us_per(0), None);
    }
}
