//! A day with `partykit dev`: how long until it listens, and how long from the save of a file to
//! the first answer of the new code. The same for PartyKit's own command line tool, where
//! it is installed, which `make bench` does.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::server::CACHE_VARIABLE;
use crate::failure::Failure;
use crate::place::{Place, expect_built};
use crate::report::{NOTHING, Report, number};

/// Odd, so that there is a middle.
const STARTS: usize = 5;

const SAVES: usize = 50;

/// Between two looks.
const PACE: Duration = Duration::from_millis(1);

/// Nothing that is measured takes so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Which command line tool.
#[derive(Debug, Clone, Copy)]
enum Tool {
    Ours,
    PartyKit,
}

/// Measures both, one after the other.
///
/// # Errors
/// Ours could not be started.
pub(crate) fn days(place: &Place, report: &Report) -> Result<(), Failure> {
    expect_built(&place.partykit)?;
    let mut rows = vec![row("partykit dev", day(place, Tool::Ours)?)];
    let label = "partykit@0.0.115 dev";
    if place.reference.is_file() {
        rows.push(row(label, day(place, Tool::PartyKit)?));
    } else {
        rows.push(vec![label.to_owned(); 1]);
        report.note("PartyKit is not installed: scripts/reference");
    }
    for row in &mut rows {
        row.resize(5, NOTHING.to_owned());
    }
    let title = format!("A project of one file: {STARTS} warm starts, {SAVES} saves");
    let columns = ["", "listening ms", "saved p50 ms", "p99 ms", "max ms"];
    report.table(&title, &columns, &rows);
    report.note("listening: the first answer of the room; saved: from the write to the new answer");
    Ok(())
}

/// Milliseconds, sorted.
struct Day {
    starts: Vec<f64>,
    saves: Vec<f64>,
}

fn row(label: &str, day: Day) -> Vec<String> {
    let at = |list: &[f64], share: f64| {
        let last = list.len().saturating_sub(1);
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an index below 50"
        )]
        let index = (last as f64 * share).round() as usize;
        list.get(index).copied().map_or(NOTHING.to_owned(), number)
    };
    vec![
        label.to_owned(),
        at(&day.starts, 0.5),
        at(&day.saves, 0.5),
        at(&day.saves, 0.99),
        at(&day.saves, 1.0),
    ]
}

fn day(place: &Place, tool: Tool) -> Result<Day, Failure> {
    let folder = place.empty_folder()?;
    let project = folder.path();
    let config = r#"{"name": "day", "main": "server.ts", "compatibilityDate": "2024-07-01"}"#;
    std::fs::write(project.join("partykit.json"), config)?;
    save(project, 0)?;
    // The first start of all fills caches.
    drop(Running::start(place, project, tool)?);
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        let begun = Instant::now();
        let running = Running::start(place, project, tool)?;
        starts.push(milliseconds(begun));
        drop(running);
    }
    let running = Running::start(place, project, tool)?;
    let mut saves = Vec::new();
    for version in 1..=SAVES {
        let begun = Instant::now();
        save(project, version)?;
        running.wait_for(&format!("version {version}"))?;
        saves.push(milliseconds(begun));
        // As a person would, rather than while the tool is still busy with the last one.
        sleep(Duration::from_millis(300));
    }
    starts.sort_by(f64::total_cmp);
    saves.sort_by(f64::total_cmp);
    Ok(Day { starts, saves })
}

fn save(project: &Path, version: usize) -> Result<(), Failure> {
    let code = format!(
        "export default class Day {{\n  onRequest(request: Request): Response {{\n    \
         return new Response(\"version {version}\");\n  }}\n}}\n"
    );
    Ok(std::fs::write(project.join("server.ts"), code)?)
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

/// A tool that serves, in a group of its own: PartyKit's runtime is a child of it.
struct Running {
    child: Child,
    port: u16,
}

impl Running {
    /// Ready when the room answers.
    fn start(place: &Place, project: &Path, tool: Tool) -> Result<Self, Failure> {
        // Free now; somebody else may take it before the tool does, which then says so.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = match tool {
            Tool::Ours => Command::new(&place.partykit),
            Tool::PartyKit => {
                let mut node = Command::new("node");
                node.arg(&place.reference);
                node
            }
        };
        command
            .args(["dev", "--no-hotkeys", "--port", &port.to_string()])
            .current_dir(project)
            .env(CACHE_VARIABLE, place.cache())
            .env("CI", "1")
            .env("NO_UPDATE_NOTIFIER", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if matches!(tool, Tool::PartyKit) {
            command.arg("--disable-request-cf-fetch");
            // It keeps its login there, and has none.
            command.env("HOME", project);
        }
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let running = Self {
            child: command.spawn()?,
            port,
        };
        running.wait_for("version")?;
        Ok(running)
    }

    fn wait_for(&self, text: &str) -> Result<(), Failure> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            // Between a body and its end there may be marks of chunks.
            let ends = |line: &str| line == text || (text == "version" && line.starts_with(text));
            if self.ask().is_ok_and(|answer| answer.lines().any(ends)) {
                return Ok(());
            }
            sleep(PACE);
        }
        Err(format!("no answer with {text:?} within {} s", PATIENCE.as_secs()).into())
    }

    fn ask(&self) -> std::io::Result<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(
            b"GET /party/day HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
        )?;
        read_answer(&mut stream)
    }
}

/// One answer, up to its own end: PartyKit's tool leaves the connection open for seconds, whatever
/// it is asked.
fn read_answer(stream: &mut impl Read) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    while !is_whole(&bytes) {
        let length = stream.read(&mut piece)?;
        if length == 0 {
            break;
        }
        bytes.extend(piece.iter().take(length));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| {
        let length = line.strip_prefix("content-length:")?;
        length.trim().parse::<usize>().ok()
    });
    match length {
        Some(length) => body.len() >= length,
        None => head.contains("transfer-encoding: chunked") && body.ends_with("0\r\n\r\n"),
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        #[cfg(unix)]
        {
            // The group, so that nothing of it is left.
            let group = format!("-{}", self.child.id());
            let mut kill = Command::new("kill");
            let _ = kill
                .args(["-TERM", "--", &group])
                .stderr(Stdio::null())
                .status();
        }
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(10) {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            sleep(PACE);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_where_it_says() {
        for (answer, whole) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", false),
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na", false),
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", true),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
                false,
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
                true,
            ),
            ("HTTP/1.1 200 OK\r\n\r\nab", false),
        ] {
            assert_eq!(is_whole(answer.as_bytes()), whole, "{answer:?}");
        }
    }
}
