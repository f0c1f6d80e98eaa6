//! `partykit dev`: configuration, bundle, host, until a signal.
//!
//! The order is that of what people want to know first: a mistake in the configuration is told
//! before anything is installed, a mistake in the code before anything listens.

use std::path::{Path, PathBuf};
use std::time::Duration;

use partykit_core::{Description, GuestError};
use partykit_host::Host;

use crate::args::DevArgs;
use crate::bundle::{Bundle, Bundler};
use crate::cache_dir::{self, cache_dir};
use crate::env_file;
use crate::error::CliError;
use crate::esbuild::{self, Esbuild};
use crate::host;
use crate::output::{Output, milliseconds, size};
use crate::plan::{DEFAULT_PORT, Plan, Port};
use crate::project::{Project, locate};
use crate::stop::Stop;

/// A free port can be taken by somebody else before we listen on it, but not this often.
const ATTEMPTS: usize = 5;

/// An interrupted start is not waited for any longer.
const ABORT_LIMIT: Duration = Duration::from_secs(1);

/// A start that takes longer is explained: the engine is being compiled.
const PATIENCE: Duration = Duration::from_millis(700);

/// Serves until Ctrl-C or SIGTERM, which end it cleanly; a second one ends it at once.
///
/// # Errors
/// Whatever keeps it from starting.
pub(crate) async fn run(args: DevArgs, output: Output) -> Result<(), CliError> {
    let mut stop = Stop::listen().map_err(|source| CliError::Process {
        what: "signals cannot be listened to",
        source,
    })?;
    output.banner();
    let plan = plan(&args, output)?;
    // In a task of its own, because compiling the engine occupies a thread for seconds.
    let mut starting = tokio::spawn(start(plan, output));
    let host = tokio::select! {
        started = &mut starting => started??,
        () = stop.asked() => {
            starting.abort();
            // Until it is dropped, a child process of it may be running.
            let _ = tokio::time::timeout(ABORT_LIMIT, starting).await;
            return Ok(());
        }
    };
    tell_load(host.check().await, output);
    output.ready(&format!("http://localhost:{}", host.address().port()));
    stop.asked().await;
    output.step("Stopping");
    tokio::select! {
        () = host.shutdown() => {}
        () = stop.asked_again() => output.warning("stopped before every room had finished"),
    }
    Ok(())
}

/// Code that does not load is no reason to end: it is served as it is, with its error.
fn tell_load(loaded: Result<Description, GuestError>, output: Output) {
    match loaded {
        Ok(description) => description
            .warnings
            .iter()
            .for_each(|text| output.warning(text)),
        Err(_) => {
            output.warning("the code does not load: every request is answered with its error")
        }
    }
}

fn plan(args: &DevArgs, output: Output) -> Result<Plan, CliError> {
    let cwd = std::env::current_dir().map_err(|source| CliError::Process {
        what: "the current folder is gone",
        source,
    })?;
    let project = match locate(args.config.as_deref(), &cwd)? {
        Some(source) => Project::read(&source, &cwd)?,
        None => Project::bare(&cwd),
    };
    if let Some(file) = project.file.as_ref().filter(|_| !project.idle.is_empty()) {
        let keys = project.idle.join(", ");
        output.warning(format!("{file}: no effect yet: {keys}"));
    }
    let env_files = env_file::find(&cwd)?;
    let plan = Plan::new(project, &env_files, args, &cwd)?;
    for file in &env_files {
        let shown = relative(&file.path, &cwd);
        output.step(format!("Loading environment variables from {shown}"));
    }
    if let Some(folder) = plan.assets.as_ref().filter(|folder| !folder.is_dir()) {
        let shown = relative(folder, &cwd);
        output.warning(format!("the folder {shown} of \"serve\" does not exist"));
    }
    Ok(plan)
}

async fn start(plan: Plan, output: Output) -> Result<Host, CliError> {
    let cache = cache_dir();
    let bundler = Bundler {
        esbuild: esbuild(&plan.root, cache.clone(), output).await?,
        root: plan.root.clone(),
        main: plan.main.clone(),
        define: plan.define.clone(),
        alias: plan.alias.clone(),
        vars: plan.vars.clone(),
        color: output.colors_errors(),
    };
    let mut port = match plan.port {
        Port::Asked(0) => host::free_port(None)?,
        Port::Asked(port) => port,
        Port::Any => DEFAULT_PORT,
    };
    let mut attempt = 1;
    loop {
        // The address is a constant of the code, so another port is another bundle.
        let bundle = bundler.build(&format!("127.0.0.1:{port}")).await?;
        if attempt == 1 {
            tell(&plan, &bundle, output);
        }
        let engines = cache.as_deref().map(cache_dir::engines);
        let starting = host::start(&plan, bundle, port, engines, output);
        match explained(starting, output).await {
            Err(CliError::PortTaken { port: taken }) if may_move(plan.port, attempt) => {
                port = host::free_port(Some(taken).filter(|_| plan.port == Port::Any))?;
                output.warning(format!("port {taken} is taken, using {port} instead"));
                attempt += 1;
            }
            started => return started,
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

fn may_move(port: Port, attempt: usize) -> bool {
    matches!(port, Port::Any | Port::Asked(0)) && attempt < ATTEMPTS
}

fn tell(plan: &Plan, bundle: &Bundle, output: Output) {
    if let Some(warnings) = &bundle.warnings {
        output.report(warnings);
    }
    output.step(format!(
        "Built {}: {} in {}",
        relative(&plan.main, &plan.root),
        size(bundle.code.len()),
        milliseconds(bundle.took)
    ));
    match &plan.state {
        Some(folder) => output.detail(format!("Storage in {}", folder.display())),
        None => output.detail("Storage in memory"),
    }
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

/// `path` as seen from `folder` when it lies inside, else whole.
fn relative(path: &Path, folder: &Path) -> String {
    path.strip_prefix(folder)
        .unwrap_or(path)
        .display()
        .to_string()
}
