//! The composition root: builds storage, engine and rooms, listens, and takes it all down again in
//! the reverse order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use partykit_core::{
    Description, GuestError, GuestFactory, Limits, LogLevel, PartyName, RoomId, RoomKey, Store,
    close_code,
};
use partykit_engine::{Engine, EngineConfig, JsBinary, JsComponent, JsFactory};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::TaskTracker;

use crate::app::App;
use crate::assets::Assets;
use crate::capacity::{Capacity, raise_descriptors};
use crate::config::{Config, Deployment, HostLimits};
use crate::driver::{Bounds, Directory, RoomMaker, hand_out};
use crate::error::HostError;
use crate::load_api::LoadApi;
use crate::log::LogSink;
use crate::server::{Door, Phase, serve};
use crate::tls::Tls;

const SHUTDOWN: &str = "the host is shutting down";
const NEW_CODE: &str = "the room's code was replaced";

/// Close frames and answers get so long to leave when everything else is done.
const LAST_FRAMES: Duration = Duration::from_millis(500);

/// Every 5 ms of a long turn.
const HAND_OVER: Duration = Duration::from_millis(1);

/// A running host. Dropping it without [`Host::shutdown`] leaves its rooms as a crash would: what
/// is durable is there, nobody is told.
pub struct Host {
    app: Arc<App>,
    engine: JsComponent,
    limits: Arc<Limits>,
    capacity: Capacity,
    address: SocketAddr,
    phase: watch::Sender<Phase>,
    /// Who comes there waits until they are opened.
    doors: Vec<Door>,
    servers: JoinSet<()>,
}

impl Host {
    /// Opens the store, starts the engine and listens. The deployment's code is not evaluated
    /// before the first room starts.
    ///
    /// # Errors
    /// Says which of these failed; nothing is left behind.
    pub async fn start(
        config: Config,
        deployment: Deployment,
        log: Arc<dyn LogSink>,
    ) -> Result<Self, HostError> {
        let mut host = Self::start_closed(config, deployment, log).await?;
        host.open();
        Ok(host)
    }

    /// The same, but nobody is served before [`Host::open`]: clients can connect, and wait. In
    /// between, code can be looked at with [`Host::check_other`] and served with [`Host::swap`].
    ///
    /// # Errors
    /// As for [`Host::start`].
    pub async fn start_closed(
        config: Config,
        deployment: Deployment,
        log: Arc<dyn LogSink>,
    ) -> Result<Self, HostError> {
        raise_descriptors();
        let listeners = listen(&config.listen).await?;
        let store = partykit_storage::open(&config.storage).map_err(HostError::Storage)?;
        Self::assemble(config, deployment, log, listeners, store).await
    }

    /// The same as [`Host::start`] on a store of the caller's: for tests that hold or fail its
    /// commits.
    ///
    /// # Errors
    /// As for [`Host::start`].
    #[cfg(feature = "testing")]
    pub async fn start_on(
        store: Arc<dyn Store>,
        config: Config,
        deployment: Deployment,
        log: Arc<dyn LogSink>,
    ) -> Result<Self, HostError> {
        let listeners = listen(&config.listen).await?;
        let mut host = Self::assemble(config, deployment, log, listeners, store).await?;
        host.open();
        Ok(host)
    }

    async fn assemble(
        config: Config,
        deployment: Deployment,
        log: Arc<dyn LogSink>,
        listeners: Vec<(TcpListener, SocketAddr)>,
        store: Arc<dyn Store>,
    ) -> Result<Self, HostError> {
        let address = listeners.first().ok_or(HostError::NoAddress)?.1;
        let tls = config.tls.as_ref().map(Tls::acceptor).transpose();
        let tls = tls.map_err(HostError::Tls)?;
        let engine = start_engine(&config).await?;
        let limits = Arc::new(config.limits);
        let maker = maker(&engine, &deployment, &limits);
        let capacity = Capacity::of_machine(config.host.max_resident_rooms);
        let Capacity { rooms, bound } = capacity;
        let text = format!("up to {rooms} rooms at one time, {bound} (max_resident_rooms)");
        log.host(LogLevel::Debug, &text);
        let bounds = Bounds {
            rooms,
            alarms_in_flight: config.host.alarms_in_flight_max,
            cache_bytes: config.host.storage_cache_bytes_total_max,
        };
        let directory =
            Directory::new(maker, store, log.clone(), bounds).map_err(HostError::Thread)?;
        let directory = Arc::new(directory);
        tokio::spawn(hand_out(Arc::downgrade(&directory)));
        let (phase, _) = watch::channel(Phase::Serving);
        let app = Arc::new(App {
            directory,
            log,
            http_connections: Arc::new(Semaphore::new(config.host.http_connections_max)),
            limits: config.host,
            sockets: TaskTracker::new(),
            deployment: RwLock::new(Arc::new(deployment)),
            phase: phase.subscribe(),
            live: config.live,
        });
        let doors = listeners.into_iter().map(|(listener, _)| Door {
            listener,
            tls: tls.clone(),
        });
        Ok(Self {
            app,
            engine,
            limits,
            capacity,
            address,
            phase,
            doors: doors.collect(),
            servers: JoinSet::new(),
        })
    }

    /// Serves whoever has come and whoever comes. Once more does nothing.
    pub fn open(&mut self) {
        for door in self.doors.drain(..) {
            let server = serve(door, self.app.clone(), self.phase.subscribe());
            self.servers.spawn(server);
        }
    }

    /// The first address listened on, with the port that was taken.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many rooms there may be at one time.
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        self.capacity
    }

    /// Makes the image that rooms of this code would begin with, to hear early what every room
    /// would meet. Its log is that of the code; what is wrong with it is told to the caller alone.
    ///
    /// # Errors
    /// Why the code does not load.
    pub async fn check_other(
        &self,
        deployment: &Deployment,
        log: Arc<dyn LogSink>,
    ) -> Result<Description, GuestError> {
        let factory = factory(&self.engine, deployment, &self.limits);
        let factory = factory.ok_or_else(|| GuestError::Host {
            message: "there is no code to look at".to_owned(),
        })?;
        let room = RoomKey {
            project: deployment.project.clone(),
            party: PartyName::main(),
            room: RoomId::check(),
        };
        let clock = self.app.directory.shared_clock();
        let checked =
            tokio::task::spawn_blocking(move || factory.check(&mut LoadApi::new(room, log, clock)));
        match checked.await {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }

    /// Serves other static files; rooms go on.
    pub fn replace_assets(&self, assets: Option<Arc<Assets>>) {
        let mut deployment = self.app.deployment.write();
        let mut changed = Deployment::clone(&deployment);
        changed.assets = assets;
        *deployment = Arc::new(changed);
    }

    /// Replaces the code: new rooms start with it, existing ones are closed with 1012 after what
    /// they are doing, and their clients come back to new ones. Takes `shutdown_ms` at most.
    pub async fn swap(&self, deployment: Deployment) {
        let maker = maker(&self.engine, &deployment, &self.limits);
        self.app.directory.replace_maker(maker);
        *self.app.deployment.write() = Arc::new(deployment);
        let HostLimits {
            drain_ms,
            shutdown_ms,
            ..
        } = self.app.limits;
        let rooms = self
            .app
            .directory
            .stop_rooms(close_code::RESTART, NEW_CODE, drain_ms);
        // One that takes longer is rid of its connections and will end; nobody waits for it.
        let _ = timeout_at(after(shutdown_ms), rooms).await;
    }

    /// Stops accepting, closes every connection with 1012, lets rooms finish what they are doing
    /// for `drain_ms`, makes their writes durable and closes the store. Takes as long as the disk
    /// needs and `shutdown_ms` at most for everything else.
    pub async fn shutdown(mut self) {
        let HostLimits {
            drain_ms,
            shutdown_ms,
            ..
        } = self.app.limits;
        let deadline = after(shutdown_ms);
        // Nobody listens to the signal any more when every server has failed.
        let _ = self.phase.send(Phase::Stopping);
        self.app.directory.close();
        let drain_ms = drain_ms.min(shutdown_ms / 2);
        let rooms = self
            .app
            .directory
            .stop_rooms(close_code::RESTART, SHUTDOWN, drain_ms);
        let _ = timeout_at(deadline, rooms).await;
        // What was handed in is made durable before anybody is waited for again.
        let directory = self.app.directory.clone();
        let closing = tokio::task::spawn_blocking(move || directory.committer().shutdown());
        let _ = closing.await;
        let _ = self.phase.send(Phase::Ending);
        self.app.sockets.close();
        let last_frames = deadline.max(Instant::now() + LAST_FRAMES);
        let _ = timeout_at(last_frames, self.app.sockets.wait()).await;
        let ended = async { while self.servers.join_next().await.is_some() {} };
        let _ = timeout_at(last_frames.max(Instant::now() + LAST_FRAMES), ended).await;
        self.servers.abort_all();
    }
}

fn after(ms: u64) -> Instant {
    Instant::now() + Duration::from_millis(ms)
}

const QUICKJS: JsBinary<'static> = JsBinary {
    component: partykit_quickjs_artifact::COMPONENT,
    memory: partykit_quickjs_artifact::MEMORY,
    memory_offset: partykit_quickjs_artifact::MEMORY_OFFSET,
};

/// Compiling the engine takes seconds the first time on a machine.
async fn start_engine(config: &Config) -> Result<JsComponent, HostError> {
    let config = EngineConfig {
        cache_dir: config.cache_dir.clone(),
        on_long_turn: Arc::new(hand_over),
        images_bytes_max: config.host.images_bytes_max,
        ..EngineConfig::default()
    };
    let started = tokio::task::spawn_blocking(move || {
        let engine = Engine::new(config)?;
        JsComponent::compile(&engine, QUICKJS)
    });
    match started.await {
        Ok(engine) => engine.map_err(HostError::Engine),
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

/// A turn takes long: another thread takes over the other tasks of this one. The pause gives that
/// thread time to take them (tokio takes them back otherwise), and keeps a room that computes
/// without end from having a core for itself.
fn hand_over() {
    tokio::task::block_in_place(|| std::thread::sleep(HAND_OVER));
}

fn maker(engine: &JsComponent, deployment: &Deployment, limits: &Arc<Limits>) -> RoomMaker {
    let factory = factory(engine, deployment, limits);
    RoomMaker {
        project: deployment.project.clone(),
        limits: limits.clone(),
        factory: factory.map(|factory| factory as Arc<dyn GuestFactory>),
    }
}

fn factory(
    engine: &JsComponent,
    deployment: &Deployment,
    limits: &Arc<Limits>,
) -> Option<Arc<JsFactory>> {
    let (bundle, env) = (deployment.bundle.clone()?, deployment.env.clone());
    Some(Arc::new(JsFactory::new(
        engine,
        bundle,
        env,
        limits.clone(),
    )))
}

async fn listen(addresses: &[SocketAddr]) -> Result<Vec<(TcpListener, SocketAddr)>, HostError> {
    let mut listeners: Vec<(TcpListener, SocketAddr)> = Vec::new();
    for address in addresses {
        let mut address = *address;
        if let (0, Some((_, first))) = (address.port(), listeners.first()) {
            address.set_port(first.port());
        }
        let bound = async {
            let listener = TcpListener::bind(address).await?;
            let local = listener.local_addr()?;
            Ok((listener, local))
        };
        listeners.push(
            bound
                .await
                .map_err(|source: std::io::Error| match source.kind() {
                    std::io::ErrorKind::AddrInUse => HostError::PortTaken { address },
                    _ => HostError::Listen { address, source },
                })?,
        );
    }
    Ok(listeners)
}
