//! From the command line to a host that serves: configuration, the project's own command, the
//! bundles, a port.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::Notify;

use super::reread::{Read, read_plan};
use super::troubles::Troubles;
use super::{Workshop, command};
use crate::args::DevArgs;
use crate::builds::{Builds, BundleError, Side};
use crate::bundle::{Bundle, ServerCode};
use crate::cache_dir::{self, cache_dir};
use crate::certificate;
use crate::client_bundle::ClientCode;
use crate::error::CliError;
use crate::esbuild::{self, Esbuild};
use crate::host::{self, Ground, Served};
use crate::output::Output;
use crate::paths::relative;
use crate::plan::{DEFAULT_PORT, Port};
use crate::watch::Watch;
use crate::wording::{milliseconds, size};

/// A free port can be taken by somebody else before we listen on it, but not this often.
const ATTEMPTS: usize = 5;

/// A start that takes longer is explained: the engine is being compiled.
const PATIENCE: Duration = Duration::from_millis(700);

impl Workshop {
    /// Reads the project; tells what is remarkable about it.
    ///
    /// # Errors
    /// What is wrong with it, or with what it needs.
    pub(crate) async fn open(
        args: DevArgs,
        cwd: PathBuf,
        output: Output,
    ) -> Result<Self, CliError> {
        let Read {
            plan,
            warnings,
            env_files,
        } = read_plan(&args, &cwd)?;
        warnings.iter().for_each(|text| output.warning(text));
        for file in &env_files {
            let shown = relative(&file.path, &cwd);
            output.step(format!("Loading environment variables from {shown}"));
        }
        match &plan.state {
            Some(folder) => output.detail(format!("Storage in {}", folder.display())),
            None => output.detail("Storage in memory"),
        }
        if let Some(command) = &plan.command {
            command::run(command, output).await?;
        }
        let esbuild = esbuild(&plan.root, cache_dir(), output).await?;
        Ok(Self {
            server: ServerCode::new(&plan).map_err(BundleError::from)?,
            client: ClientCode::new(&plan),
            builds: Builds::new(esbuild, output.colors_errors()),
            args,
            cwd,
            output,
            address: String::new(),
            code: String::new(),
            env: plan.vars.clone(),
            client_bundle: None,
            server_inputs: BTreeSet::new(),
            warnings: None,
            troubles: Troubles::default(),
            asked: Arc::new(Notify::new()),
            built_at: SystemTime::now(),
            is_stale: false,
            plan,
        })
    }

    /// Builds, and serves what comes of it on the port that was asked for or a free one. What
    /// changes from now on is noticed by `watch`.
    ///
    /// # Errors
    /// There is no bundle, or no host.
    pub(crate) async fn start(&mut self, watch: &mut Watch) -> Result<Served, CliError> {
        self.look(watch);
        self.built_at = SystemTime::now();
        let tls = self.tls()?;
        let cache = cache_dir();
        let engines = cache.as_deref().map(cache_dir::engines);
        let mut port = match self.plan.port {
            Port::Asked(0) => host::free_port(None)?,
            Port::Asked(port) => port,
            Port::Any => DEFAULT_PORT,
        };
        let mut attempt = 1;
        loop {
            // The address is a constant of the code, so another port is another bundle.
            self.address = format!("127.0.0.1:{port}");
            let mut bundle = self.first_build(attempt == 1).await?;
            let ground = Ground {
                port,
                cache_dir: engines.clone(),
                tls: tls.clone(),
                output: self.output,
            };
            let client = self.client_bundle.as_ref();
            let starting = host::start(&self.plan, &mut bundle, client, ground);
            match explained(starting, self.output).await {
                Err(CliError::PortTaken { port: taken }) if self.may_move(attempt) => {
                    let wish = Some(taken).filter(|_| self.plan.port == Port::Any);
                    port = host::free_port(wish)?;
                    self.output
                        .warning(format!("port {taken} is taken, using {port} instead"));
                    attempt += 1;
                }
                Ok(served) => {
                    self.server_inputs = bundle.inputs;
                    self.code = bundle.code;
                    return Ok(served);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn may_move(&self, attempt: usize) -> bool {
        matches!(self.plan.port, Port::Any | Port::Asked(0)) && attempt < ATTEMPTS
    }

    fn tls(&self) -> Result<Option<partykit_host::Tls>, CliError> {
        let given = self.args.https_cert_path.as_deref();
        let given = given.zip(self.args.https_key_path.as_deref());
        Ok(match given {
            Some((certificate, key)) => Some(certificate::read(certificate, key)?),
            None if self.args.https => Some(certificate::own(cache_dir().as_deref())?),
            None => None,
        })
    }

    async fn first_build(&mut self, is_told: bool) -> Result<Bundle, BundleError> {
        let begun = Instant::now();
        let recipe = self.server.recipe(&self.address);
        let made = self.builds.build(Side::Server, recipe).await?;
        let bundle = self.server.read(made.built);
        self.warn(made.warnings);
        if is_told {
            let main = relative(&self.plan.main, &self.plan.root);
            let (bytes, took) = (size(bundle.code.len()), milliseconds(begun.elapsed()));
            self.output.step(format!("Built {main}: {bytes} in {took}"));
        }
        let Some(client) = &self.client else {
            return Ok(bundle);
        };
        let begun = Instant::now();
        let made = self
            .builds
            .build(Side::Client, client.recipe(&self.address))
            .await?;
        let built = client.read(made.built);
        if is_told {
            let bytes = size(built.files.values().map(Vec::len).sum());
            let took = milliseconds(begun.elapsed());
            self.output
                .step(format!("Built the client: {bytes} in {took}"));
            if let Some(file) = built.unserved.first() {
                let shown = relative(file, &self.plan.root);
                self.output.warning(format!(
                    "{shown} of the client lies outside of \"serve.path\" and is not served"
                ));
            }
        }
        self.client_bundle = Some(built);
        Ok(bundle)
    }
}

/// Waits for `starting`, and says why it takes so long when it does.
async fn explained<T>(starting: impl Future<Output = T>, output: Output) -> T {
    let mut starting = std::pin::pin!(starting);
    tokio::select! {
        started = &mut starting => return started,
        () = tokio::time::sleep(PATIENCE) => {
            output.step("Compiling the engine, once on this machine");
        }
    }
    starting.await
}

async fn esbuild(root: &Path, cache: Option<PathBuf>, output: Output) -> Result<Esbuild, CliError> {
    if let Some(found) = Esbuild::find(root, cache.as_deref())? {
        output.detail(format!("Bundling with {}", found.program.display()));
        return Ok(found);
    }
    if let Some(cache) = &cache {
        let (version, folder) = (esbuild::VERSION, cache.display());
        output.step(format!("Installing esbuild {version} into {folder}, once"));
    }
    Ok(Esbuild::install(cache.as_deref()).await?)
}
