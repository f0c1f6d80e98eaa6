//! A project that is being worked on: what it was made of last, what changes of it mean, and the
//! host that is given what comes of them. What cannot be built or loaded is told and not served.

mod build;
mod command;
mod reread;
mod start;
mod troubles;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use tokio::sync::Notify;

use crate::args::DevArgs;
use crate::builds::Builds;
use crate::bundle::ServerCode;
use crate::client_bundle::{ClientBundle, ClientCode};
use crate::host::Served;
use crate::output::Output;
use crate::plan::Plan;
use crate::watch::{Awaited, Change, Interest, Known, Meaning, Watch, configs, folders};
use troubles::Troubles;

/// See the module.
pub(crate) struct Workshop {
    args: DevArgs,
    cwd: PathBuf,
    output: Output,
    plan: Plan,
    /// What `PARTYKIT_HOST` is in the code.
    address: String,
    builds: Builds,
    server: ServerCode,
    client: Option<ClientCode>,
    /// What is served now; none before any code was good enough.
    code: Option<String>,
    env: serde_json::Map<String, serde_json::Value>,
    client_bundle: Option<ClientBundle>,
    server_inputs: BTreeSet<PathBuf>,
    /// What decides on the builds without being part of them.
    configs: BTreeSet<PathBuf>,
    /// What the builds lacked.
    awaited: ByNeed,
    warnings: Option<String>,
    troubles: Troubles,
    asked: Arc<Notify>,
    /// When the last build began.
    built_at: SystemTime,
    /// What is served may have been made of older files.
    is_stale: bool,
}

impl Workshop {
    /// What makes it read and build everything once more.
    pub(crate) fn bell(&self) -> Arc<Notify> {
        self.asked.clone()
    }

    /// Whether rooms are served. Once they are, they are to the end.
    pub(crate) fn serves_rooms(&self) -> bool {
        self.code.is_some()
    }

    /// Waits for one change of the project and does what follows from it. Dropped, it may have done
    /// a part of that; the next call makes up for it.
    pub(crate) async fn work(&mut self, watch: &mut Watch, served: &Served) {
        self.look(watch);
        let meaning = if std::mem::take(&mut self.is_stale) {
            Meaning {
                code: true,
                ..Meaning::default()
            }
        } else {
            tokio::select! {
                changes = watch.changes() => self.meaning(&changes, watch),
                () = self.asked.notified() => Meaning {
                    configuration: true,
                    command: true,
                    code: true,
                    afresh: true,
                    ..Meaning::default()
                },
            }
        };
        let begun = Instant::now();
        if !meaning.is_nothing() {
            self.output.detail(format!("Changed: {meaning}"));
            let had_any = self.troubles.has_any();
            self.answer(meaning, watch, served, begun).await;
            self.tell_rest(had_any, served);
        }
    }

    /// Looks where something can happen now. What has happened there since the last build, before
    /// anybody looked, is a reason to build again; so is a new folder, where a build failed.
    fn look(&mut self, watch: &mut Watch) {
        let command = self.plan.command.iter().flat_map(|command| &command.watch);
        let awaited = self.awaited.all();
        let trees = [self.plan.root.clone(), self.cwd.clone()]
            .into_iter()
            .chain(self.plan.serve.path.clone())
            .chain(command.cloned())
            .chain(awaited.packages.iter().cloned())
            .map(real);
        let interest = Interest {
            trees: trees.collect(),
            files: [self.inputs(), self.configs.clone(), awaited.files]
                .into_iter()
                .chain([awaited.ways, awaited.packages])
                .flatten()
                .collect(),
            except: self.plan.state.clone().map(real),
        };
        match watch.set(folders(&interest)) {
            Ok(new) => {
                let in_new = |file: &&PathBuf| file.parent().is_some_and(|at| new.contains(at));
                let changed = |file: &PathBuf| {
                    let modified = file.metadata().and_then(|metadata| metadata.modified());
                    modified.is_ok_and(|time| time >= self.built_at)
                };
                self.is_stale = interest.files.iter().filter(in_new).any(changed)
                    || (self.troubles.has_any() && !new.is_empty());
            }
            Err(error) => {
                let text = crate::wording::chain(&error);
                self.output
                    .warning(format!("{text}; press r to bundle again"));
            }
        }
    }

    /// What was built, and what it was built from. The entries are part of it even if nothing was.
    fn inputs(&self) -> BTreeSet<PathBuf> {
        let client = self.client_bundle.iter().flat_map(|client| &client.inputs);
        let build = self.plan.serve.build.as_ref();
        let entries = build.into_iter().flat_map(|build| &build.entries);
        let entries = entries.chain([&self.plan.main]).cloned().map(real);
        let inputs = self.server_inputs.iter().chain(client);
        inputs.cloned().chain(entries).collect()
    }

    fn meaning(&self, changes: &BTreeSet<Change>, watch: &mut Watch) -> Meaning {
        for change in changes.iter().filter(|change| change.came_or_went) {
            watch.forget(&change.path);
        }
        let command = self.plan.command.iter().flat_map(|command| &command.watch);
        let command: Vec<_> = command.cloned().map(real).collect();
        let (config, assets) = (self.plan.config.clone(), self.plan.serve.path.clone());
        let (config, assets) = (config.map(real), assets.map(real));
        let state = self.plan.state.clone().map(real);
        Meaning::of(
            changes,
            &Known {
                config: config.as_deref(),
                inputs: &self.inputs(),
                configs: &self.configs,
                failed: self.troubles.has_any(),
                awaited: &self.awaited.all(),
                assets: assets.as_deref(),
                command: &command,
                state: state.as_deref(),
            },
        )
    }

    async fn answer(
        &mut self,
        meaning: Meaning,
        watch: &mut Watch,
        served: &Served,
        begun: Instant,
    ) {
        let mut build = meaning.code;
        let mut command = meaning.command;
        if meaning.configuration {
            let before = self.plan.command.clone();
            match self.reread(served) {
                Some(changed) => build |= changed,
                None => return,
            }
            command |= before != self.plan.command;
        }
        if command {
            if !self.run_command(served).await {
                return;
            }
            // What it has written is what is built now, and no reason to run it again.
            watch.pass_over().await;
            build = true;
        }
        if meaning.afresh {
            self.builds.forget();
        }
        if build {
            self.built_at = SystemTime::now();
            self.build_server(served, begun).await;
            self.build_client(served, begun).await;
            self.configs = configs(&self.inputs());
        }
        if self.plan.live && meaning.pages {
            served.live.reload();
        } else if self.plan.live && meaning.styles {
            served.live.restyle();
        }
    }
}

/// What each build lacked.
#[derive(Debug, Default)]
struct ByNeed {
    server: Awaited,
    client: Awaited,
}

impl ByNeed {
    fn all(&self) -> Awaited {
        Awaited {
            files: &self.server.files | &self.client.files,
            packages: &self.server.packages | &self.client.packages,
            ways: &self.server.ways | &self.client.ways,
        }
    }
}

/// As the system calls it: what is reached by two names would be watched by one of them.
fn real(path: PathBuf) -> PathBuf {
    path.canonicalize().unwrap_or(path)
}
