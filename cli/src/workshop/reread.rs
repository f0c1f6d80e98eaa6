//! The configuration and the files of variables, read at the start and whenever they change.

use std::path::Path;

use super::Workshop;
use super::troubles::{Area, of_error};
use crate::args::DevArgs;
use crate::bundle::ServerCode;
use crate::client_bundle::ClientCode;
use crate::env_file::{self, EnvFile};
use crate::error::CliError;
use crate::host::Served;
use crate::output::Output;
use crate::paths::relative;
use crate::plan::Plan;
use crate::project::{Project, locate};

/// What is to be done, and what is remarkable about it, for a warning.
pub(super) struct Read {
    pub(crate) plan: Plan,
    pub(crate) warnings: Vec<String>,
    pub(crate) env_files: Vec<EnvFile>,
}

/// Reads everything that decides on the plan.
///
/// # Errors
/// Something of it is wrong.
pub(super) fn read_plan(args: &DevArgs, cwd: &Path) -> Result<Read, CliError> {
    let project = match locate(args.config.as_deref(), cwd)? {
        Some(source) => Project::read(&source, cwd)?,
        None => Project::bare(cwd),
    };
    let mut warnings = project.repeated.clone();
    if let Some(file) = project.file.as_ref().filter(|_| !project.idle.is_empty()) {
        let keys = project.idle.join(", ");
        warnings.push(format!("{file}: no effect: {keys}"));
    }
    let env_files = env_file::find(cwd)?;
    let plan = Plan::new(project, &env_files, args, cwd)?;
    if let Some(folder) = plan.serve.path.as_ref().filter(|folder| !folder.is_dir()) {
        let shown = relative(folder, cwd);
        warnings.push(format!("the folder {shown} of \"serve\" does not exist"));
    }
    Ok(Read {
        plan,
        warnings,
        env_files,
    })
}

impl Workshop {
    /// Whether something has changed that is built; none when it cannot be read.
    pub(super) fn reread(&mut self, served: &Served) -> Option<bool> {
        let read = read_plan(&self.args, &self.cwd).and_then(|read| {
            let server = ServerCode::new(&read.plan).map_err(crate::builds::BundleError::from)?;
            Ok((read, server))
        });
        let (read, server) = match read {
            Ok(read) => read,
            Err(error) => {
                self.trouble(Area::Configuration, of_error(&error), served);
                return None;
            }
        };
        self.mend(Area::Configuration);
        let mut plan = read.plan;
        keep_what_cannot_change(&mut plan, &self.plan, self.output);
        if plan == self.plan {
            return Some(false);
        }
        let warnings = read.warnings.iter();
        warnings.for_each(|text| self.output.warning(text));
        self.server = server;
        self.client = ClientCode::new(&plan);
        let files = plan.serve != self.plan.serve;
        self.plan = plan;
        if files {
            served.replace_assets(&self.plan, self.client_bundle.as_ref());
        }
        Some(true)
    }
}

/// What is decided once, when the host is started.
fn keep_what_cannot_change(new: &mut Plan, old: &Plan, output: Output) {
    let changed = [
        ("port", new.port != old.port),
        ("persist", new.state != old.state),
    ];
    for (key, _) in changed.iter().filter(|(_, changed)| *changed) {
        output.warning(format!("\"{key}\" takes effect at the next start"));
    }
    new.port = old.port;
    new.state.clone_from(&old.state);
}
