//! What becomes of a request's body that was not read when the answer is there. A small rest is
//! read and thrown away, so that the connection can be used again. With more to come the answer
//! says `connection: close`; some of it is read nevertheless, since hanging up on a client that
//! still sends may take the answer away from it (RFC 9112, section 9.6).

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::timeout;

use crate::router::Request;

/// How much of an unread body is thrown away, and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RestLimits {
    pub(crate) bytes_max: u64,
    pub(crate) time: Duration,
}

/// How far a body was read, for whoever sends the answer.
#[derive(Debug)]
pub(crate) struct Unread {
    /// What is to come, as far as the client has said so.
    left: AtomicU64,
    ended: AtomicBool,
    /// The client sends nothing before it is told to, and is told so by the first read.
    waits_to_be_asked: AtomicBool,
    limits: RestLimits,
}

impl Unread {
    fn must_close(&self) -> bool {
        let more = self.left.load(Ordering::Relaxed) > self.limits.bytes_max;
        let waits = self.waits_to_be_asked.load(Ordering::Relaxed);
        !self.ended.load(Ordering::Relaxed) && (more || waits)
    }
}

/// A request whose body says how far it was read.
pub(crate) fn follow(request: Request, limits: RestLimits) -> (Request, Option<Arc<Unread>>) {
    if request.body().is_end_stream() {
        return (request, None);
    }
    let waits = request.headers().contains_key(header::EXPECT);
    let unread = Arc::new(Unread {
        left: AtomicU64::new(request.body().size_hint().exact().unwrap_or(u64::MAX)),
        ended: AtomicBool::new(false),
        waits_to_be_asked: AtomicBool::new(waits),
        limits,
    });
    let request = request.map(|body| {
        Body::new(Followed {
            body: Some(body),
            unread: unread.clone(),
        })
    });
    (request, Some(unread))
}

/// Says in the answer what will become of the connection.
pub(crate) fn announce(response: &mut Response, unread: Option<&Unread>) {
    let closes = match response.status() {
        StatusCode::SWITCHING_PROTOCOLS => false,
        // RFC 9110, section 15.5.9: nobody waits for the rest any longer.
        StatusCode::REQUEST_TIMEOUT => unread.is_some(),
        _ => unread.is_some_and(Unread::must_close),
    };
    if closes {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
}

struct Followed {
    /// Taken when it is dropped.
    body: Option<Body>,
    unread: Arc<Unread>,
}

impl HttpBody for Followed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        let Some(body) = &mut this.body else {
            return Poll::Ready(None);
        };
        this.unread
            .waits_to_be_asked
            .store(false, Ordering::Relaxed);
        let frame = std::task::ready!(Pin::new(&mut *body).poll_frame(context));
        let piece = frame.as_ref().and_then(|frame| frame.as_ref().ok());
        match piece.and_then(Frame::data_ref) {
            Some(data) => {
                let left = this.unread.left.load(Ordering::Relaxed);
                let read = data.len() as u64;
                // One that is not known stays so.
                if left != u64::MAX {
                    let left = left.saturating_sub(read);
                    this.unread.left.store(left, Ordering::Relaxed);
                }
            }
            None => this.unread.ended.store(piece.is_none(), Ordering::Relaxed),
        }
        if body.is_end_stream() {
            this.unread.ended.store(true, Ordering::Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let hint = self.body.as_ref().map(HttpBody::size_hint);
        hint.unwrap_or_default()
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        let (ended, waits) = (&self.unread.ended, &self.unread.waits_to_be_asked);
        if ended.load(Ordering::Relaxed) || waits.load(Ordering::Relaxed) {
            return;
        }
        // Without a runtime the connection has ended, too.
        let runtime = tokio::runtime::Handle::try_current();
        if let (Some(body), Ok(runtime)) = (self.body.take(), runtime) {
            runtime.spawn(throw_away(body, self.unread.limits));
        }
    }
}

/// Ends with the body, its limits, or the connection.
async fn throw_away(mut body: Body, limits: RestLimits) {
    let mut left = limits.bytes_max;
    let reading = async {
        while let Some(Ok(frame)) = body.frame().await {
            let read = frame.data_ref().map_or(0, |data| data.len() as u64);
            let Some(rest) = left.checked_sub(read) else {
                return;
            };
            left = rest;
        }
    };
    let _ = timeout(limits.time, reading).await;
}
