//! A project that is being worked on: what it was made of last, what changes of it mean, and the
//! host that is given what comes of them. What cannot be built or loaded is told and not served.

mod command;
mod reread;
mod start;
mod troubles;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::Notify;
use tokio::time::timeout;

use crate::args::DevArgs;
use crate::builds::{Builds, Side};
use crate::bundle::ServerCode;
use crate::client_bundle::{ClientBundle, ClientCode};
use crate::code_frame::code_frame;
use crate::host::Served;
use crate::output::{Output, Trouble};
use crate::paths::relative;
use crate::plan::Plan;
use crate::watch::{Change, Interest, Known, Meaning, Watch, folders};
use troubles::{Area, Troubles, of_bundle};

/// Rooms are told to end, and new ones are served meanwhile; so long they are waited for.
const SWAP_WAIT: Duration = Duration::from_secs(10);

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
    /// What is served now.
    code: String,
    env: serde_json::Map<String, serde_json::Value>,
    client_bundle: Option<ClientBundle>,
    server_inputs: BTreeSet<PathBuf>,
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

    /// Works until it is dropped.
    pub(crate) async fn work(&mut self, mut watch: Watch, served: &Served) {
        self.look(&mut watch);
        loop {
            let meaning = if std::mem::take(&mut self.is_stale) {
                Meaning {
                    code: true,
                    ..Meaning::default()
                }
            } else {
                tokio::select! {
                    changes = watch.changes() => self.meaning(&changes, &mut watch),
                    () = self.asked.notified() => Meaning {
                        configuration: true,
                        command: true,
                        code: true,
                        ..Meaning::default()
                    },
                }
            };
            let begun = Instant::now();
            if !meaning.is_nothing() {
                self.output.detail(format!("Changed: {meaning}"));
                let had_any = self.troubles.has_any();
                self.answer(meaning, &mut watch, served, begun).await;
                self.tell_rest(had_any, served);
            }
            self.look(&mut watch);
        }
    }

    /// Looks where something can happen now. What has happened there since the last build, before
    /// anybody looked, is a reason to build again; so is a new folder, where a build failed.
    fn look(&mut self, watch: &mut Watch) {
        let command = self.plan.command.iter().flat_map(|command| &command.watch);
        let trees = [self.plan.root.clone(), self.cwd.clone()]
            .into_iter()
            .chain(self.plan.serve.path.clone())
            .chain(command.cloned())
            .map(real);
        let interest = Interest {
            trees: trees.collect(),
            files: self.inputs(),
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

    fn inputs(&self) -> BTreeSet<PathBuf> {
        let client = self.client_bundle.iter().flat_map(|client| &client.inputs);
        self.server_inputs.iter().chain(client).cloned().collect()
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
                failed: self.troubles.has_any(),
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
        if meaning.configuration {
            match self.reread(served) {
                Some(changed) => build |= changed,
                None => return,
            }
        }
        if meaning.command && self.plan.command.is_some() {
            if !self.run_command(served).await {
                return;
            }
            // What it has written is what is built now, and no reason to run it again.
            watch.pass_over().await;
            build = true;
        }
        if build {
            self.built_at = SystemTime::now();
            self.build_server(served, begun).await;
            self.build_client(served, begun).await;
        }
        if self.plan.live && meaning.pages {
            served.live.reload();
        } else if self.plan.live && meaning.styles {
            served.live.restyle();
        }
    }

    async fn build_server(&mut self, served: &Served, begun: Instant) {
        let recipe = self.server.recipe(&self.address);
        let made = match self.builds.build(Side::Server, recipe).await {
            Ok(made) => made,
            Err(error) => return self.trouble(Area::Server, of_bundle(error), served),
        };
        let mut bundle = self.server.read(made.built);
        self.server_inputs.clone_from(&bundle.inputs);
        self.warn(made.warnings);
        if bundle.code == self.code && self.plan.vars == self.env {
            // Comments have no code, and yet move every line.
            served.set_stack_map(bundle.stack_map.take());
            self.output.detail("The bundle is the same as before");
            return self.mend(Area::Server);
        }
        match served.check(&self.plan, &bundle).await {
            Err(text) => {
                let trouble = self.of_loading(&text);
                return self.trouble(Area::Server, trouble, served);
            }
            Ok(description) => {
                let warnings = description.warnings.iter();
                warnings.for_each(|text| self.output.warning(text));
            }
        }
        let swapping = served.swap(&self.plan, &mut bundle, self.client_bundle.as_ref());
        if timeout(SWAP_WAIT, swapping).await.is_err() {
            self.output.warning("some rooms still run the old code");
        }
        let main = relative(&self.plan.main, &self.plan.root);
        self.output
            .reloaded(&main, bundle.code.len(), begun.elapsed());
        self.code = bundle.code;
        self.env.clone_from(&self.plan.vars);
        self.mend(Area::Server);
    }

    async fn build_client(&mut self, served: &Served, begun: Instant) {
        let Some(client) = &self.client else {
            if self.client_bundle.take().is_some() {
                served.replace_assets(&self.plan, None);
            }
            return self.mend(Area::Client);
        };
        let recipe = client.recipe(&self.address);
        let made = match self.builds.build(Side::Client, recipe).await {
            Ok(made) => made,
            Err(error) => return self.trouble(Area::Client, of_bundle(error), served),
        };
        let bundle = client.read(made.built);
        let before = self.client_bundle.replace(bundle);
        let now = self.client_bundle.as_ref();
        let same = |before: &ClientBundle| now.is_some_and(|now| now.files == before.files);
        if !before.as_ref().is_some_and(same) {
            served.replace_assets(&self.plan, now);
            let sizes = now
                .into_iter()
                .flat_map(|now| now.files.values().map(Vec::len));
            self.output
                .reloaded("the client", sizes.sum(), begun.elapsed());
            if self.plan.live {
                served.live.reload();
            }
        }
        self.mend(Area::Client);
    }

    /// Said once, and again only when they are others.
    fn warn(&mut self, warnings: Option<String>) {
        if let Some(text) = warnings.as_ref().filter(|_| warnings != self.warnings) {
            self.output.report(text);
        }
        self.warnings = warnings;
    }

    fn of_loading(&self, text: &str) -> Trouble {
        let frame = code_frame(text, &self.plan.root);
        let shown = frame.as_ref().map(|frame| frame.shown.as_str());
        let report = match shown.filter(|shown| !shown.is_empty()) {
            Some(shown) => format!("{}\n\n{shown}", text.trim_end()),
            None => text.trim_end().to_owned(),
        };
        Trouble {
            title: "the code could not be loaded".to_owned(),
            plain: report.clone(),
            report,
            place: frame.map(|frame| frame.place),
        }
    }
}

/// As the system calls it: what is reached by two names would be watched by one of them.
fn real(path: PathBuf) -> PathBuf {
    path.canonicalize().unwrap_or(path)
}
