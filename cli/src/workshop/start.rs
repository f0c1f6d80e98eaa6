//! From the command line to a host that serves: configuration, the project's own command, the
//! bundles, a port.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::Notify;

use super::reread::{Read, read_plan};
use super::troubles::{Area, Troubles, of_error};
use super::{ByNeed, Workshop, command};
use crate::args::DevArgs;
use crate::builds::{self, BundleError, Side};
use crate::bundle::{Bundle, ServerCode};
use crate::cache_dir::{self, cache_dir};
use crate::certificate;
use crate::client_bundle::{ClientBundle, ClientCode};
use crate::error::CliError;
use crate::esbuild::{self, Esbuild};
use crate::host::{self, Ground, Served};
use crate::output::Output;
use crate::paths::relative;
use crate::plan::{DEFAULT_PORT, Port};
use crate::watch::{Watch, configs};

/// A free port can be taken by somebody else before we listen on it, but not this often.
const ATTEMPTS: usize = 5;

/// A start that takes longer is explained: the engine is being compiled.
const PATIENCE: Duration = Duration::from_millis(700);

/// What came of the first builds.
struct Builds {
    server: Result<Bundle, BundleError>,
    /// None of a project without one.
    client: Result<Option<ClientBundle>, BundleError>,
}

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
        let esbuild = esbuild(&plan.root, cache_dir(), output).await?;
        Ok(Self {
            server: ServerCode::new(&plan).map_err(BundleError::from)?,
            client: ClientCode::new(&plan),
            builds: builds::Builds::new(esbuild, output.colors_errors()),
            args,
            cwd,
            output,
            address: String::new(),
            code: None,
            env: plan.vars.clone(),
            client_bundle: None,
            server_inputs: BTreeSet::new(),
            configs: BTreeSet::new(),
            awaited: ByNeed::default(),
            warnings: None,
            troubles: Troubles::default(),
            asked: Arc::new(Notify::new()),
            built_at: SystemTime::now(),
            is_stale: false,
            plan,
        })
    }

    /// Builds, and serves what comes of it on the port that was asked for or a free one: at once,
    /// or when what is wrong with it is mended. What changes from now on is noticed by `watch`.
    ///
    /// # Errors
    /// There is no host, or nothing to build with.
    pub(crate) async fn start(&mut self, watch: &mut Watch) -> Result<Served, CliError> {
        self.look(watch);
        self.built_at = SystemTime::now();
        let commanded = match &self.plan.command {
            Some(command) => command::run(command, self.output).await,
            None => Ok(()),
        };
        let plan = self.plan.clone();
        let mut ground = self.ground()?;
        let mut attempt = 1;
        loop {
            // The address is a constant of the code, so another port is another bundle.
            self.address = format!("127.0.0.1:{}", ground.port);
            let starting = explained(host::start(&plan, ground.clone()), self.output);
            let building = self.first_builds(&commanded, attempt);
            let (started, builds) = tokio::join!(starting, building);
            match started {
                Err(CliError::PortTaken { port }) if self.may_move(attempt) => {
                    let wish = Some(port).filter(|_| plan.port == Port::Any);
                    ground.port = host::free_port(wish)?;
                    let instead = ground.port;
                    self.output
                        .warning(format!("port {port} is taken, using {instead} instead"));
                    attempt += 1;
                }
                Err(error) => return Err(error),
                Ok(mut served) => {
                    self.begin(commanded, builds, &served).await?;
                    served.open();
                    return Ok(served);
                }
            }
        }
    }

    fn ground(&self) -> Result<Ground, CliError> {
        let cache = cache_dir();
        Ok(Ground {
            port: match self.plan.port {
                Port::Asked(0) => host::free_port(None)?,
                Port::Asked(port) => port,
                Port::Any => DEFAULT_PORT,
            },
            cache_dir: cache.as_deref().map(cache_dir::engines),
            tls: self.tls()?,
            output: self.output,
        })
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

    /// None where the project's own command has not made what is built.
    async fn first_builds(
        &mut self,
        commanded: &Result<(), CliError>,
        attempt: usize,
    ) -> Option<Builds> {
        if commanded.is_err() {
            return None;
        }
        let told = attempt == 1;
        let begun = Instant::now();
        let recipe = self.server.recipe(&self.address);
        let server = self.builds.build(Side::Server, recipe).await;
        let server = server.map(|made| self.read_server(made));
        if let Some(bundle) = server.as_ref().ok().filter(|_| told) {
            let main = relative(&self.plan.main, &self.plan.root);
            self.output.built(&main, bundle.code.len(), begun.elapsed());
        }
        let Some(client) = &self.client else {
            let client = Ok(None);
            return Some(Builds { server, client });
        };
        let begun = Instant::now();
        let recipe = client.recipe(&self.address);
        let made = self.builds.build(Side::Client, recipe).await;
        let made = made.map(|made| client.read(made.built));
        if let Some(built) = made.as_ref().ok().filter(|_| told) {
            let bytes = built.files.values().map(Vec::len).sum();
            self.output.built("the client", bytes, begun.elapsed());
            if let Some(file) = built.unserved.first() {
                let shown = relative(file, &self.plan.root);
                self.output.warning(format!(
                    "{shown} of the client lies outside of \"serve.path\" and is not served"
                ));
            }
        }
        let client = made.map(Some);
        Some(Builds { server, client })
    }

    /// Serves what was built. What was not is waited for, if a change of the code can mend it.
    async fn begin(
        &mut self,
        commanded: Result<(), CliError>,
        builds: Option<Builds>,
        served: &Served,
    ) -> Result<(), CliError> {
        if let Err(error) = commanded {
            self.trouble(Area::Command, of_error(&error), served);
        }
        let Some(Builds { server, client }) = builds else {
            return Ok(());
        };
        match client {
            Ok(bundle) => self.client_bundle = bundle,
            Err(error) => self.wait_out(Side::Client, error, served)?,
        }
        served.replace_assets(&self.plan, self.client_bundle.as_ref());
        match server {
            Ok(bundle) => {
                self.take_up(bundle, served).await;
            }
            Err(error) => self.wait_out(Side::Server, error, served)?,
        }
        self.configs = configs(&self.inputs());
        Ok(())
    }

    fn wait_out(
        &mut self,
        side: Side,
        error: BundleError,
        served: &Served,
    ) -> Result<(), BundleError> {
        match error {
            BundleError::Rejected { .. } => {
                self.not_built(side, error, served);
                Ok(())
            }
            error => Err(error),
        }
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
