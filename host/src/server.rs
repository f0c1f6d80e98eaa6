//! Accepts connections and speaks HTTP/1 on them, behind TLS where there is a certificate, each
//! within its limits: how long a request's head may take, how many connections there may be. Ends
//! them all when told to.

use std::net::SocketAddr;
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
use crate::router::router;

/// After an accept failed, as it does without descriptors, the next one is tried.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where connections come in, and how.
pub(crate) struct Door {
    pub(crate) listener: TcpListener,
    /// None is plain HTTP.
    pub(crate) tls: Option<TlsAcceptor>,
}

/// Serves until `stopped` says so, then until the last request is answered. Dropping the future
/// ends every connection at once.
pub(crate) async fn serve(
    door: Door,
    app: std::sync::Arc<App>,
    mut stopped: watch::Receiver<bool>,
) {
    let router = router(app.clone());
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&door.listener, &app) => accepted,
            // A sender that is gone means stop, too.
            _ = stopped.wait_for(|stop| *stop) => break,
            Some(_) = connections.join_next() => continue,
        };
        match accepted {
            Ok((stream, client, permit)) => {
                let head_ms = app.limits.head_ms;
                let stopped = stopped.clone();
                let router = router.clone();
                let tls = door.tls.clone();
                let served = Served {
                    client,
                    router,
                    head: Duration::from_millis(head_ms),
                };
                connections.spawn(async move {
                    served.stream(stream, tls, stopped).await;
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
    /// How long a head may take, and a TLS handshake.
    head: Duration,
}

impl Served {
    async fn stream(
        self,
        stream: TcpStream,
        tls: Option<TlsAcceptor>,
        mut stopped: watch::Receiver<bool>,
    ) {
        let Some(tls) = tls else {
            return self.connection(stream, Scheme::HTTP, stopped).await;
        };
        let accepted = tokio::select! {
            accepted = timeout(self.head, tls.accept(stream)) => accepted,
            _ = stopped.wait_for(|stop| *stop) => return,
        };
        // A client that does not trust the certificate says so by hanging up.
        if let Ok(Ok(stream)) = accepted {
            self.connection(stream, Scheme::HTTPS, stopped).await;
        }
    }

    async fn connection(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        scheme: Scheme,
        mut stopped: watch::Receiver<bool>,
    ) {
        let (client, router) = (self.client, self.router);
        let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(client));
            request.extensions_mut().insert(scheme.clone());
            router.clone().call(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.head)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        tokio::pin!(connection);
        // What goes wrong with one connection is told to nobody but its client.
        tokio::select! {
            _ = &mut connection => return,
            _ = stopped.wait_for(|stop| *stop) => connection.as_mut().graceful_shutdown(),
        }
        let _ = connection.await;
    }
}
