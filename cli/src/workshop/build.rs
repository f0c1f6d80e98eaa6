//! What is built again, and what becomes of it: it is looked at, and served instead of what was; or
//! it is told why not.

use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::Workshop;
use super::troubles::{Area, of_bundle};
use crate::builds::{BundleError, Made, Side};
use crate::bundle::Bundle;
use crate::client_bundle::ClientBundle;
use crate::code_frame::code_frame;
use crate::host::Served;
use crate::paths::relative;
use crate::trouble::{Meanwhile, Trouble};
use crate::watch::Awaited;

/// Rooms are told to end, and new ones are served meanwhile; so long they are waited for.
const SWAP_WAIT: Duration = Duration::from_secs(10);

impl Workshop {
    pub(super) async fn build_server(&mut self, served: &Served, begun: Instant) {
        let recipe = self.server.recipe(&self.address);
        let made = match self.builds.build(Side::Server, recipe).await {
            Ok(made) => made,
            Err(error) => return self.not_built(Side::Server, error, served),
        };
        let mut bundle = self.read_server(made);
        if self.code.as_ref() == Some(&bundle.code) && self.plan.vars == self.env {
            // Comments have no code, and yet move every line.
            served.set_stack_map(bundle.stack_map.take());
            self.output.detail("The bundle is the same as before");
            return self.mend(Area::Server);
        }
        let (is_first, bytes) = (!self.serves_rooms(), bundle.code.len());
        if !self.take_up(bundle, served).await {
            return;
        }
        let main = relative(&self.plan.main, &self.plan.root);
        if is_first {
            self.output.built(&main, bytes, begun.elapsed());
        } else {
            self.output.reloaded(&main, bytes, begun.elapsed());
        }
        if is_first && self.plan.live {
            // Their sockets would come back late: they were sent away.
            served.live.reload();
        }
    }

    /// What came of a build of the rooms' code.
    pub(super) fn read_server(&mut self, made: Made) -> Bundle {
        let bundle = self.server.read(made.built);
        self.server_inputs.clone_from(&bundle.inputs);
        self.awaited.server = Awaited::default();
        self.warn(made.warnings);
        bundle
    }

    /// Serves other code of rooms from now on, if it loads.
    pub(super) async fn take_up(&mut self, mut bundle: Bundle, served: &Served) -> bool {
        match served.check(&self.plan, &bundle).await {
            Err(text) => {
                let trouble = self.of_loading(&text);
                self.trouble(Area::Server, trouble, served);
                return false;
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
        if self.plan.live {
            served.live.reload_of_rooms();
        }
        self.code = Some(bundle.code);
        self.env.clone_from(&self.plan.vars);
        self.mend(Area::Server);
        true
    }

    pub(super) fn not_built(&mut self, side: Side, error: BundleError, served: &Served) {
        let problems = match &error {
            BundleError::Rejected { problems, .. } => problems.as_slice(),
            _ => &[],
        };
        let awaited = Awaited::of(problems, &self.plan.root);
        let area = match side {
            Side::Server => {
                self.awaited.server = awaited;
                Area::Server
            }
            Side::Client => {
                self.awaited.client = awaited;
                Area::Client
            }
        };
        self.trouble(area, of_bundle(error), served);
    }

    pub(super) async fn build_client(&mut self, served: &Served, begun: Instant) {
        let Some(client) = &self.client else {
            self.awaited.client = Awaited::default();
            if self.client_bundle.take().is_some() {
                served.replace_assets(&self.plan, None);
            }
            return self.mend(Area::Client);
        };
        let recipe = client.recipe(&self.address);
        let made = match self.builds.build(Side::Client, recipe).await {
            Ok(made) => made,
            Err(error) => return self.not_built(Side::Client, error, served),
        };
        self.awaited.client = Awaited::default();
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
    pub(super) fn warn(&mut self, warnings: Option<String>) {
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
            meanwhile: Meanwhile::LastGood,
        }
    }
}
