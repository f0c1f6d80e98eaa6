//! A folder to run in, a command with nothing of the developer's own environment, and a running
//! `dev` that is ended when its test ends.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Once;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything takes, the first compilation of an engine included.
const LIMIT: Duration = Duration::from_secs(120);

/// A project of one test.
pub(crate) struct Project {
    folder: tempfile::TempDir,
}

/// What a command that has ended left.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Project {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let project = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        for (name, text) in files {
            project.write(name, text);
        }
        project
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// The same for a test that bundles: esbuild is installed before, once for all tests.
    pub(crate) fn bundled(files: &[(&str, &str)]) -> Self {
        static INSTALLED: Once = Once::new();
        INSTALLED.call_once(|| {
            let broken = Self::new(&[("broken.js", "(")]);
            let arguments = ["dev", "broken.js", "--port", "0"];
            let mut running = Running::launch(broken.command(&arguments));
            running.wait_for_error("the code could not be bundled");
        });
        Self::new(files)
    }

    /// The binary in this folder, with a cache that all tests share. The environment stays, because
    /// npm may need it to reach its registry, but for what the binary itself reads.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_partykit"));
        command
            .current_dir(self.folder.path())
            .args(arguments)
            .env_remove("PARTYKIT_ESBUILD")
            .env("PARTYKIT_CACHE_DIR", cache())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// The same in a terminal, into which keys can be pressed.
    #[cfg(target_os = "linux")]
    pub(crate) fn in_a_terminal(&self, arguments: &str) -> Command {
        self.in_a_terminal_with(&format!("partykit {arguments}"))
    }

    /// A line for a shell in a terminal, which finds the binary by its name.
    #[cfg(target_os = "linux")]
    pub(crate) fn in_a_terminal_with(&self, line: &str) -> Command {
        let mut command = Command::new("script");
        command
            .current_dir(self.folder.path())
            .args(["--quiet", "--return", "--flush", "--command"])
            .arg(line)
            .arg("/dev/null")
            .env("PATH", path())
            .env_remove("PARTYKIT_ESBUILD")
            .env("PARTYKIT_CACHE_DIR", cache())
            .env("NO_COLOR", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        self.ended(self.command(arguments).output().unwrap())
    }

    /// A line for a shell in this folder, which finds the binary by its name.
    pub(crate) fn shell(&self, line: &str) -> Ended {
        let mut shell = Command::new("sh");
        shell.args(["-c", line]).current_dir(self.folder.path());
        let output = shell.env("PATH", path()).stdin(Stdio::null()).output();
        self.ended(output.unwrap())
    }

    /// The folder's own name does not belong into an expectation.
    pub(crate) fn ended(&self, output: Output) -> Ended {
        let folder = format!("{}/", self.folder.path().display());
        let text = |bytes| String::from_utf8(bytes).unwrap().replace(&folder, "");
        Ended {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

/// Where programs are found, the binary under test first.
fn path() -> String {
    let binary = Path::new(env!("CARGO_BIN_EXE_partykit"));
    let others = std::env::var("PATH").unwrap_or_default();
    format!("{}:{others}", binary.parent().unwrap().display())
}

/// Survives a test run, so that esbuild is installed once and the engine is compiled once.
pub(crate) fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache")
}

/// A `dev` that serves. Killed when dropped, and its output shown when the test fails.
pub(crate) struct Running {
    child: Child,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
    /// What was read of stdout, and of stderr.
    pub(crate) seen: Vec<String>,
    pub(crate) told: Vec<String>,
    /// Of the line that says "Ready".
    pub(crate) port: u16,
}

impl Running {
    pub(crate) fn start(command: Command) -> Self {
        let mut running = Self::launch(command);
        running.wait_until("Ready on ");
        running
    }

    /// Does not wait for anything.
    pub(crate) fn launch(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        Self {
            stdout: lines(child.stdout.take().unwrap()),
            stderr: lines(child.stderr.take().unwrap()),
            child,
            seen: Vec::new(),
            told: Vec::new(),
            port: 0,
        }
    }

    /// Waits for a line of stdout with `text`, and takes the port from the address in it.
    pub(crate) fn wait_until(&mut self, text: &str) {
        let line = self.wait_for(text);
        let (_, address) = line.split_once("localhost:").unwrap();
        let digits = address.split(|c: char| !c.is_ascii_digit()).next();
        self.port = digits.unwrap().parse().unwrap();
    }

    /// The next line of stdout that contains `text`.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        loop {
            let Ok(line) = self.stdout.recv_timeout(LIMIT) else {
                let errors = self.errors();
                let seen = &self.seen;
                panic!("no line with {text:?}; stdout: {seen:#?}; stderr: {errors}");
            };
            self.seen.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    /// In a terminal only.
    #[cfg(target_os = "linux")]
    pub(crate) fn press(&mut self, keys: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(keys.as_bytes()).unwrap();
        stdin.flush().unwrap();
    }

    /// The body of an answer.
    pub(crate) fn get(&self, path: &str) -> String {
        let answer = self.ask(path);
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        body.to_owned()
    }

    /// The whole of an answer.
    pub(crate) fn ask(&self, path: &str) -> String {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// The line of stdout before "Ready" that contains `text`.
    pub(crate) fn wait_earlier(&self, text: &str) -> String {
        let line = self.seen.iter().find(|line| line.contains(text));
        line.unwrap_or_else(|| panic!("no line with {text:?} in {:#?}", self.seen))
            .clone()
    }

    /// The next line of stderr that contains `text`.
    pub(crate) fn wait_for_error(&mut self, text: &str) -> String {
        loop {
            let Ok(line) = self.stderr.recv_timeout(LIMIT) else {
                panic!("no line with {text:?}; stderr: {:#?}", self.told);
            };
            self.told.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    /// What else stderr has said, up to its end.
    pub(crate) fn errors(&mut self) -> String {
        let _ = self.child.kill();
        self.stderr.iter().collect::<Vec<_>>().join("\n")
    }

    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        assert!(kill(name, self.child.id()));
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The exit code of a process that was told to end.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            let seen = self.seen.iter().cloned().chain(self.stdout.iter());
            eprintln!("stdout:\n{}", seen.collect::<Vec<_>>().join("\n"));
            let errors: Vec<_> = self.stderr.iter().collect();
            eprintln!("stderr:\n{}", errors.join("\n"));
        }
    }
}

/// Whether the process still runs. One that has ended and that nobody asked for its exit code
/// takes signals, but has no command line any more.
#[cfg(unix)]
pub(crate) fn runs(process: u32) -> bool {
    match fs::read(format!("/proc/{process}/cmdline")) {
        Ok(line) => !line.is_empty(),
        Err(_) => kill("0", process),
    }
}

/// Whether the process took the signal; 0 only asks whether it is there.
#[cfg(unix)]
pub(crate) fn kill(signal: &str, process: u32) -> bool {
    let arguments = [format!("-{signal}"), process.to_string()];
    let mut command = Command::new("kill");
    let quiet = command.args(arguments).stderr(Stdio::null());
    quiet.status().unwrap().success()
}

/// What `look` finds at last, for things that nothing tells us of.
#[cfg(unix)]
pub(crate) fn eventually<T>(look: impl Fn() -> Option<T>) -> T {
    let end = Instant::now() + LIMIT;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "it did not happen within {LIMIT:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn lines(stream: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let lines = BufReader::new(stream).lines();
        for line in lines.map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
