//! A stream whose writes may wait only so long: without it, a client that stops reading its answer
//! would keep it, and the room that writes it, for as long as it likes.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// How many bytes a peer has taken so far.
pub(crate) type Taken = Arc<AtomicU64>;

/// A stream that breaks when its peer takes no byte for too long.
pub(crate) struct Patient<S> {
    stream: S,
    patience: Duration,
    /// Armed while a write waits.
    late: Option<Pin<Box<Sleep>>>,
    taken: Taken,
}

impl<S> Patient<S> {
    pub(crate) fn new(stream: S, patience: Duration) -> (Self, Taken) {
        let taken = Taken::default();
        let patient = Self {
            stream,
            patience,
            late: None,
            taken: taken.clone(),
        };
        (patient, taken)
    }

    /// For whoever watches over it in another way.
    pub(crate) fn into_inner(self) -> S {
        self.stream
    }

    fn watch(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let patience = self.patience;
        match written {
            Poll::Ready(written) => {
                self.late = None;
                let bytes = written.as_ref().map_or(0, |bytes| *bytes as u64);
                self.taken.fetch_add(bytes, Ordering::Relaxed);
                Poll::Ready(written)
            }
            Poll::Pending => {
                let late = self.late.get_or_insert_with(|| Box::pin(sleep(patience)));
                late.as_mut()
                    .poll(context)
                    .map(|()| Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.watch(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_nothing_breaks_the_stream_and_one_that_is_slow_does_not() {
        let (ours, mut theirs) = duplex(1);
        let (mut ours, taken) = Patient::new(ours, Duration::from_secs(30));
        let slow = async {
            for _ in 0..5 {
                sleep(Duration::from_secs(29)).await;
                theirs.read_u8().await.unwrap();
            }
        };
        let (written, ()) = tokio::join!(ours.write_all(b"slowly"), slow);
        written.unwrap();
        assert_eq!(taken.load(Ordering::Relaxed), 6);
        let from = Instant::now();
        let stuck = ours.write_all(b"!").await.unwrap_err();
        assert_eq!(stuck.kind(), io::ErrorKind::TimedOut);
        assert_eq!(from.elapsed(), Duration::from_secs(30));
    }
}
