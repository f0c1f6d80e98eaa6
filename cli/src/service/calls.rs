//! The running process: what is asked of it and what it asks back. One caller at a time; a call
//! that is given up on leaves the pipe in the middle of an answer, so the service ends with it.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::packet::{NotAPacket, Packet, Value};
use super::reply::{Built, Problem};

/// A large project takes seconds; what takes longer hangs.
const CALL_LIMIT: Duration = Duration::from_secs(60);

/// A bundle with its source map. The largest seen in the wild have a tenth of it.
const PACKET_BYTES_MAX: u32 = 512 * 1024 * 1024;

/// What the loader for `.bin` adds to a path, to know its own import again.
const BYTES_SUFFIX: &str = "?partykit-bytes";

/// The service is of no use any more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServiceError {
    /// It cannot be started.
    #[error("{} cannot be started", program.display())]
    Start {
        /// Which one.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not what it should be.
    #[error("{} is no esbuild that can be used: {said}", program.display())]
    Strange {
        /// Which one.
        program: PathBuf,
        /// What it printed.
        said: String,
    },
    /// It ended, or the pipe broke.
    #[error("esbuild ended unexpectedly")]
    Ended(#[from] io::Error),
    /// It speaks another language.
    #[error(transparent)]
    Protocol(#[from] NotAPacket),
    /// It refused a question.
    #[error("esbuild refused: {0}")]
    Refused(String),
    /// It did not answer.
    #[error("esbuild did not finish within {} s", CALL_LIMIT.as_secs())]
    Slow,
}

/// One process of esbuild. Dropped, it is killed.
#[derive(Debug)]
pub(crate) struct Service {
    _child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    last_id: u32,
    last_key: u32,
}

/// Something that is built again and again; esbuild keeps what has not changed.
#[derive(Debug)]
pub(crate) struct Context {
    key: u32,
    root: PathBuf,
}

impl Service {
    /// Starts `program`.
    ///
    /// # Errors
    /// It cannot be started, or is no esbuild.
    pub(crate) async fn start(program: &Path) -> Result<Self, ServiceError> {
        let failed = |source| ServiceError::Start {
            program: program.to_owned(),
            source,
        };
        let version = version(program).await?;
        let mut child = Command::new(program)
            // It refuses a caller of another version; we speak what they have in common.
            .arg(format!("--service={version}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // A Ctrl-C is for us, who may still have something to build.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed(io::ErrorKind::BrokenPipe.into()));
        };
        let mut service = Self {
            _child: child,
            stdin,
            stdout: BufReader::new(stdout),
            last_id: 0,
            last_key: 0,
        };
        let greeting = timeout(CALL_LIMIT, service.receive_bytes()).await;
        let greeting = greeting.map_err(|_| ServiceError::Slow)??;
        if greeting != version.as_bytes() {
            return Err(NotAPacket.into());
        }
        Ok(service)
    }

    /// Prepares a build of `entry` with these command line options, run in `root`.
    ///
    /// # Errors
    /// esbuild refuses an option: the problems say which.
    pub(crate) async fn context(
        &mut self,
        root: &Path,
        entries: &[PathBuf],
        flags: Vec<String>,
    ) -> Result<Result<Context, Built>, ServiceError> {
        self.last_key += 1;
        let key = self.last_key;
        let entries = entries.iter().map(|entry| {
            let pair = ["".to_owned(), entry.display().to_string()];
            Value::texts(pair)
        });
        let question = Value::record([
            ("command", Value::text("build")),
            ("key", Value::Number(key)),
            ("entries", Value::List(entries.collect())),
            ("flags", Value::texts(flags)),
            ("write", Value::Bool(false)),
            ("stdinContents", Value::Null),
            ("stdinResolveDir", Value::Null),
            ("absWorkingDir", Value::text(root.display().to_string())),
            ("nodePaths", Value::List(Vec::new())),
            ("context", Value::Bool(true)),
            ("plugins", Value::List(vec![plugin()])),
        ]);
        let (answer, _) = self.call(question).await?;
        let built = Built::read(&answer, root);
        if built.errors.is_empty() {
            let root = root.to_owned();
            return Ok(Ok(Context { key, root }));
        }
        Ok(Err(built))
    }

    /// Builds what has changed since the last time.
    ///
    /// # Errors
    /// The service failed; what is wrong with the code is part of the result.
    pub(crate) async fn rebuild(&mut self, context: &Context) -> Result<Built, ServiceError> {
        let question = Value::record([
            ("command", Value::text("rebuild")),
            ("key", Value::Number(context.key)),
        ]);
        let (_, ended) = self.call(question).await?;
        // A rebuild tells its outcome by a question of its own.
        let ended = ended.ok_or(NotAPacket)?;
        Ok(Built::read(&ended, &context.root))
    }

    /// Forgets a context and what it kept.
    ///
    /// # Errors
    /// The service failed.
    pub(crate) async fn dispose(&mut self, context: Context) -> Result<(), ServiceError> {
        let question = Value::record([
            ("command", Value::text("dispose")),
            ("key", Value::Number(context.key)),
        ]);
        self.call(question).await.map(drop)
    }

    /// The problems laid out for people, each with its line.
    ///
    /// # Errors
    /// The service failed.
    pub(crate) async fn report(
        &mut self,
        problems: &[Problem],
        kind: ReportKind,
    ) -> Result<String, ServiceError> {
        if problems.is_empty() {
            return Ok(String::new());
        }
        let messages = problems.iter().map(|problem| problem.raw.clone()).collect();
        let question = Value::record([
            ("command", Value::text("format-msgs")),
            ("messages", Value::List(messages)),
            ("isWarning", Value::Bool(kind.is_warning)),
            ("color", Value::Bool(kind.color)),
        ]);
        let (answer, _) = self.call(question).await?;
        let messages = answer.get("messages").map_or(&[][..], Value::as_list);
        let texts: Vec<_> = messages.iter().filter_map(Value::as_text).collect();
        Ok(texts.concat().trim_end().to_owned())
    }

    /// The answer to `value`, and the outcome of a build that ended meanwhile.
    async fn call(&mut self, value: Value) -> Result<(Value, Option<Value>), ServiceError> {
        let answered = timeout(CALL_LIMIT, self.call_patiently(value)).await;
        answered.map_err(|_| ServiceError::Slow)?
    }

    async fn call_patiently(
        &mut self,
        value: Value,
    ) -> Result<(Value, Option<Value>), ServiceError> {
        self.last_id += 1;
        let id = self.last_id;
        self.send(Packet {
            id,
            is_answer: false,
            value,
        })
        .await?;
        let mut ended = None;
        loop {
            let packet = Packet::decode(&self.receive_bytes().await?)?;
            if !packet.is_answer {
                let answer = answer_to(&packet.value);
                if command(&packet.value) == "on-end" {
                    ended = Some(packet.value);
                }
                self.send(Packet {
                    id: packet.id,
                    is_answer: true,
                    value: answer,
                })
                .await?;
            } else if packet.id == id {
                return match packet.value.get("error").and_then(Value::as_text) {
                    Some(error) => Err(ServiceError::Refused(error.to_owned())),
                    None => Ok((packet.value, ended)),
                };
            }
        }
    }

    async fn send(&mut self, packet: Packet) -> io::Result<()> {
        self.stdin.write_all(&packet.encode()).await?;
        self.stdin.flush().await
    }

    async fn receive_bytes(&mut self) -> Result<Vec<u8>, ServiceError> {
        let length = self.stdout.read_u32_le().await?;
        if length > PACKET_BYTES_MAX {
            return Err(NotAPacket.into());
        }
        let mut bytes = vec![0; length as usize];
        self.stdout.read_exact(&mut bytes).await?;
        Ok(bytes)
    }
}

/// How a report looks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReportKind {
    pub(crate) is_warning: bool,
    pub(crate) color: bool,
}

async fn version(program: &Path) -> Result<String, ServiceError> {
    let asked = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let asked = timeout(CALL_LIMIT, asked).await;
    let asked = asked.map_err(|_| ServiceError::Slow)?;
    let output = asked.map_err(|source| ServiceError::Start {
        program: program.to_owned(),
        source,
    })?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if !output.status.success() || !said.starts_with("0.") {
        let said = format!("{said}{}", String::from_utf8_lossy(&output.stderr));
        return Err(ServiceError::Strange {
            program: program.to_owned(),
            said: said.trim().to_owned(),
        });
    }
    Ok(said)
}

fn command(question: &Value) -> &str {
    let command = question.get("command").and_then(Value::as_text);
    command.unwrap_or("")
}

/// Which of its questions esbuild asks us. `on-end` belongs to every context and has no filter.
fn plugin() -> Value {
    let data_modules = Value::record([
        ("id", Value::Number(0)),
        ("filter", Value::text(r"\.bin$")),
        ("namespace", Value::text("file")),
    ]);
    Value::record([
        ("name", Value::text("partykit")),
        ("onStart", Value::Bool(false)),
        ("onEnd", Value::Bool(true)),
        ("onResolve", Value::List(Vec::new())),
        ("onLoad", Value::List(vec![data_modules])),
    ])
}

fn answer_to(question: &Value) -> Value {
    match command(question) {
        "on-load" => load(question),
        "on-start" | "on-end" => Value::record([
            ("errors", Value::List(Vec::new())),
            ("warnings", Value::List(Vec::new())),
        ]),
        _ => Value::record([]),
    }
}

/// A `.bin` file is an ArrayBuffer to the code that imports it, where esbuild's own loader gives a
/// Uint8Array: a module around that one makes it so.
fn load(question: &Value) -> Value {
    let text = |name| question.get(name).and_then(Value::as_text).unwrap_or("");
    if text("suffix") == BYTES_SUFFIX {
        return Value::record([]);
    }
    let path = serde_json::Value::from(format!("{}{BYTES_SUFFIX}", text("path")));
    let module = format!("import bytes from {path};\nexport default bytes.buffer;\n");
    let folder = Path::new(text("path")).parent();
    let folder = folder.map(|folder| folder.display().to_string());
    Value::record([
        ("id", Value::Number(0)),
        ("contents", Value::Bytes(module.into_bytes())),
        ("loader", Value::text("js")),
        ("resolveDir", Value::text(folder.unwrap_or_default())),
    ])
}
