//! Accepts connections and speaks HTTP/1 on them, each within its limits: how long a request's
//! head may take, how many connections there may be. Ends them all when told to.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::task::JoinSet;
use tower_service::Service;

use crate::app::App;
use crate::router::router;

/// After an accept failed, as it does without descriptors, the next one is tried.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stopped` says so, then until the last request is answered. Dropping the future
/// ends every connection at once.
pub(crate) async fn serve(
    listener: TcpListener,
    app: std::sync::Arc<App>,
    mut stopped: watch::Receiver<bool>,
) {
    let router = router(app.clone());
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &app) => accepted,
            // A sender that is gone means stop, too.
            _ = stopped.wait_for(|stop| *stop) => break,
            Some(_) = connections.join_next() => continue,
        };
        match accepted {
            Ok((stream, client, permit)) => {
                let head_ms = app.limits.head_ms;
                let stopped = stopped.clone();
                let router = router.clone();
                connections.spawn(async move {
                    connection(stream, client, router, head_ms, stopped).await;
                    drop(permit);
                });
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
    drop(listener);
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

async fn connection(
    stream: TcpStream,
    client: SocketAddr,
    router: Router,
    head_ms: u64,
    mut stopped: watch::Receiver<bool>,
) {
    let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(client));
        router.clone().call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(head_ms))
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
