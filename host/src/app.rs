//! What every request handler shares.

use std::sync::Arc;

use parking_lot::RwLock;
use tokio::sync::{Semaphore, watch};
use tokio_util::task::TaskTracker;

use crate::config::{Deployment, HostLimits};
use crate::driver::Directory;
use crate::live::Live;
use crate::log::LogSink;
use crate::server::{self, Phase};

pub(crate) struct App {
    pub(crate) directory: Arc<Directory>,
    pub(crate) log: Arc<dyn LogSink>,
    pub(crate) limits: HostLimits,
    /// One permit for each HTTP connection; a WebSocket gives it back when it is open.
    pub(crate) http_connections: Arc<Semaphore>,
    /// Every open socket, so that shutdown can wait for their last frames.
    pub(crate) sockets: TaskTracker,
    pub(crate) deployment: RwLock<Arc<Deployment>>,
    pub(crate) phase: watch::Receiver<Phase>,
    /// Who tells open pages what changes, in development.
    pub(crate) live: Option<Live>,
}

impl App {
    /// What is served now; a request keeps the one it began with.
    pub(crate) fn deployment(&self) -> Arc<Deployment> {
        self.deployment.read().clone()
    }

    /// Ready when nothing new is taken any more.
    pub(crate) async fn stopping(&self) {
        server::reached(&mut self.phase.clone(), Phase::Stopping).await;
    }
}
