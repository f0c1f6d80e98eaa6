//! A connection that no room is there for: its handshake is answered, so that a browser can read
//! why, and then it is closed. A refused handshake tells a script nothing.

use std::time::Duration;

use fastwebsockets::WebSocketError;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::frame::Frame;

/// Sends a Close frame and waits for the peer to hang up, each for at most `wait`.
pub(crate) async fn refuse<F>(upgrade: F, code: u16, reason: String, wait: Duration)
where
    F: Future<Output = Result<fastwebsockets::WebSocket<TokioIo<Upgraded>>, WebSocketError>>,
{
    let Ok(websocket) = upgrade.await else {
        return;
    };
    let (mut read, mut write) = tokio::io::split(websocket.into_inner());
    let farewell = async {
        for piece in Frame::close(Some(code), &reason).pieces() {
            write.write_all(piece).await?;
        }
        write.shutdown().await
    };
    if let Ok(Ok(())) = timeout(wait, farewell).await {
        // Closed with unread bytes, the socket would be reset, and the frame lost.
        let _ = timeout(wait, tokio::io::copy(&mut read, &mut tokio::io::sink())).await;
    }
}
