//! Accepts connections and speaks HTTP/1 on them, behind TLS where there is a certificate, each
//! within its limits: how long a request's head may take, how many connections there may be. Ends
//! them all when told to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use http::uri::Scheme;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tower_service::Service;

use crate::app::App;
use crate::config::HostLimits;
use crate::patience::Patient;
use crate::router::router;

/// After an accept failed, as it does without descriptors, the next one is tried.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Once nobody is left to be asked, an answer of which no byte is taken for so long is given up.
const LAST_BYTES: Duration = Duration::from_millis(500);

/// How far the host's end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Serving,
    /// Nothing new is taken; what was is finished.
    Stopping,
    /// There are no rooms any more: only what is on its way out still matters.
    Ending,
}

/// Ready when the host has come so far. A sender that is gone means the end, too.
pub(crate) async fn reached(phase: &mut watch::Receiver<Phase>, wanted: Phase) {
    let _ = phase.wait_for(|phase| *phase >= wanted).await;
}

/// Where connections come in, and how.
pub(crate) struct Door {
    pub(crate) listener: TcpListener,
    /// None is plain HTTP.
    pub(crate) tls: Option<TlsAcceptor>,
}

/// Serves until the host stops, then until the last request is answered. Dropping the future
/// ends every connection at once.
pub(crate) async fn serve(door: Door, app: Arc<App>, mut phase: watch::Receiver<Phase>) {
    let router = router(app.clone());
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&door.listener, &app) => accepted,
            () = reached(&mut phase, Phase::Stopping) => break,
            Some(_) = connections.join_next() => continue,
        };
        match accepted {
            Ok((stream, client, permit)) => {
                let (phase, tls) = (phase.clone(), door.tls.clone());
                let served = Served {
                    client,
                    router: router.clone(),
                    limits: app.limits.clone(),
                };
                connections.spawn(async move {
                    served.stream(stream, tls, phase).await;
                    drop(permit);
                });
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
    drop(door);
    while connections.join_next().await.is_some() {}
}

/// The permit comes first: a connection that cannot be served waits in the system's queue.
async fn accept(
    listener: &TcpListener,
    app: &App,
) -> std::io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = app.http_connections.clone().acquire_owned().await;
    let permit = permit.map_err(std::io::Error::other)?;
    let (stream, client) = listener.accept().await?;
    // Small frames must not wait for the acknowledgement of the last one.
    let _ = stream.set_nodelay(true);
    Ok((stream, client, permit))
}

/// One connection and what it is served with.
struct Served {
    client: SocketAddr,
    router: Router,
    limits: HostLimits,
}

impl Served {
    async fn stream(
        self,
        stream: TcpStream,
        tls: Option<TlsAcceptor>,
        mut phase: watch::Receiver<Phase>,
    ) {
        let Some(tls) = tls else {
            return self.connection(stream, Scheme::HTTP, phase).await;
        };
        let head = Duration::from_millis(self.limits.head_ms);
        let accepted = tokio::select! {
            accepted = timeout(head, tls.accept(stream)) => accepted,
            () = reached(&mut phase, Phase::Stopping) => return,
        };
        // A client that does not trust the certificate says so by hanging up.
        if let Ok(Ok(stream)) = accepted {
            self.connection(stream, Scheme::HTTPS, phase).await;
        }
    }

    async fn connection(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        scheme: Scheme,
        mut phase: watch::Receiver<Phase>,
    ) {
        let (client, router, limits) = (self.client, self.router, self.limits);
        let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(client));
            request.extensions_mut().insert(scheme.clone());
            router.clone().call(request)
        });
        let patience = Duration::from_millis(limits.answer_stall_ms);
        let (stream, taken) = Patient::new(stream, patience);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_millis(limits.head_ms))
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        tokio::pin!(connection);
        // What goes wrong with one connection is told to nobody but its client.
        tokio::select! {
            _ = &mut connection => return,
            () = reached(&mut phase, Phase::Stopping) => connection.as_mut().graceful_shutdown(),
        }
        tokio::select! {
            _ = &mut connection => return,
            () = reached(&mut phase, Phase::Ending) => {}
        }
        loop {
            let before = taken.load(Ordering::Relaxed);
            let ended = timeout(LAST_BYTES, &mut connection).await.is_ok();
            if ended || taken.load(Ordering::Relaxed) == before {
                return;
            }
        }
    }
}
