//! The write loop of one connection: many frames in one vectored write, and pings when the peer
//! has been silent.

use std::io::{self, IoSlice};
use std::time::Duration;

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep, sleep_until};

use super::frame::Frame;
use super::outbound::Outbound;

/// One round takes about so much from the queue, so that a broadcast to slow readers does not
/// keep more than this beside each queue.
const ROUND_BYTES_MAX: usize = 256 * 1024;

/// How often a write that waits looks whether its connection is being closed.
const LOOK: Duration = Duration::from_secs(1);

/// Linux takes at most 1,024 pieces at once.
const PIECES_MAX: usize = 256;

/// When the peer is pinged, and how long it may take to answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heartbeat {
    pub(crate) ping_interval: Duration,
    pub(crate) pong: Duration,
    /// How long a Close frame may wait to be written, and no byte be taken at all.
    pub(crate) close: Duration,
}

/// How a write loop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WriteEnd {
    /// A Close frame was written, and nothing will follow it.
    Closed,
    /// The connection is broken.
    Broken,
    /// The peer did not answer a ping.
    Silent,
}

/// Writes until a Close frame was written, the connection breaks or the peer stays silent.
pub(crate) async fn write_loop(
    stream: &mut (impl AsyncWrite + Unpin),
    outbound: &Outbound,
    heartbeat: Heartbeat,
) -> WriteEnd {
    let mut frames = Vec::new();
    let mut next_look = Instant::now() + heartbeat.ping_interval;
    let mut pinged = false;
    loop {
        let closed = outbound.take(ROUND_BYTES_MAX, &mut frames);
        if !frames.is_empty() {
            if write_all(stream, &frames, outbound, heartbeat)
                .await
                .is_err()
            {
                return WriteEnd::Broken;
            }
            frames.clear();
            if !closed {
                continue;
            }
        }
        if closed {
            return WriteEnd::Closed;
        }
        tokio::select! {
            () = outbound.filled() => {}
            () = sleep_until(next_look) => {
                let heard = outbound.take_heard();
                if pinged && !heard {
                    return WriteEnd::Silent;
                }
                pinged = !heard;
                if pinged {
                    outbound.push(&Frame::ping());
                }
                let wait = if pinged { heartbeat.pong } else { heartbeat.ping_interval };
                next_look = Instant::now() + wait;
            }
        }
    }
}

/// Writes the frames, or fails when the peer takes nothing for too long: nothing else would end a
/// connection whose reader has stopped reading.
async fn write_all(
    stream: &mut (impl AsyncWrite + Unpin),
    frames: &[Frame],
    outbound: &Outbound,
    heartbeat: Heartbeat,
) -> io::Result<()> {
    let mut pieces: Vec<_> = frames
        .iter()
        .flat_map(Frame::pieces)
        .map(|piece| IoSlice::new(piece))
        .collect();
    let mut rest = &mut pieces[..];
    while !rest.is_empty() {
        let count = rest.len().min(PIECES_MAX);
        let writing = stream.write_vectored(rest.get(..count).unwrap_or_default());
        let written = tokio::select! {
            // The timer is not even armed while the socket takes what it is given.
            biased;
            written = writing => written?,
            () = stuck(outbound, heartbeat) => return Err(io::ErrorKind::TimedOut.into()),
        };
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        IoSlice::advance_slices(&mut rest, written);
    }
    stream.flush().await
}

/// Ready when a write has waited too long: as long as a ping may, and shorter once the connection
/// is being closed.
async fn stuck(outbound: &Outbound, heartbeat: Heartbeat) {
    let patience = Instant::now() + heartbeat.ping_interval + heartbeat.pong;
    while !outbound.is_closing() {
        if Instant::now() >= patience {
            return;
        }
        sleep(heartbeat.close.min(LOOK)).await;
    }
    sleep(heartbeat.close).await;
}

#[cfg(test)]
mod tests {
    use partykit_core::Message;
    use tokio::io::AsyncReadExt;

    use super::*;

    fn heartbeat() -> Heartbeat {
        Heartbeat {
            ping_interval: Duration::from_secs(25),
            pong: Duration::from_secs(10),
            close: Duration::from_secs(5),
        }
    }

    #[tokio::test]
    async fn everything_queued_is_written_in_order_though_the_peer_reads_in_small_bites() {
        let outbound = Outbound::new(10_000_000);
        let (mut ours, mut theirs) = tokio::io::duplex(7);
        let mut expected = Vec::new();
        for length in [0, 1, 125, 126, 5000, 70_000] {
            let frame = Frame::message(&Message::Binary(vec![length as u8; length].into()));
            expected.extend(frame.pieces().flat_map(|piece| piece.to_vec()));
            outbound.push(&frame);
        }
        outbound.close(None, "");
        expected.extend([0x88, 0]);
        let mut read = Vec::new();
        let write = async {
            let end = write_loop(&mut ours, &outbound, heartbeat()).await;
            drop(ours);
            end
        };
        let (end, _) = tokio::join!(write, theirs.read_to_end(&mut read));
        assert_eq!(end, WriteEnd::Closed);
        assert_eq!(read, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_peer_is_pinged_and_then_given_up() {
        let outbound = Outbound::new(1000);
        let (mut ours, mut theirs) = tokio::io::duplex(100);
        let started = Instant::now();
        let end = write_loop(&mut ours, &outbound, heartbeat()).await;
        assert_eq!(end, WriteEnd::Silent);
        // The first look finds the handshake, the second one nothing.
        assert_eq!(started.elapsed(), Duration::from_secs(25 + 25 + 10));
        let mut ping = [0; 2];
        theirs.read_exact(&mut ping).await.unwrap();
        assert_eq!(ping, [0x89, 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_answers_pings_is_kept() {
        let outbound = Outbound::new(1000);
        let (mut ours, mut theirs) = tokio::io::duplex(100);
        let answer = async {
            let mut ping = [0; 2];
            for _ in 0..10 {
                theirs.read_exact(&mut ping).await.unwrap();
                outbound.heard();
            }
            outbound.close(None, "");
        };
        let (end, ()) = tokio::join!(write_loop(&mut ours, &outbound, heartbeat()), answer);
        assert_eq!(end, WriteEnd::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_nothing_is_given_up() {
        let outbound = Outbound::new(1000);
        let (mut ours, _theirs) = tokio::io::duplex(1);
        outbound.push(&Frame::message(&Message::Text("never read".into())));
        let started = Instant::now();
        let end = write_loop(&mut ours, &outbound, heartbeat()).await;
        assert_eq!(end, WriteEnd::Broken);
        assert_eq!(started.elapsed(), Duration::from_secs(35));
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_nothing_is_given_up_sooner_once_it_is_being_closed() {
        let outbound = Outbound::new(200);
        let (mut ours, _theirs) = tokio::io::duplex(1);
        let frame = Frame::message(&Message::Text("never read".into()));
        outbound.push(&frame);
        let close = async {
            sleep(Duration::from_secs(2)).await;
            outbound.push(&frame);
            outbound.push(&frame);
        };
        let started = Instant::now();
        let (end, ()) = tokio::join!(write_loop(&mut ours, &outbound, heartbeat()), close);
        assert_eq!(end, WriteEnd::Broken);
        assert!(
            started.elapsed() <= Duration::from_secs(9),
            "{:?}",
            started.elapsed()
        );
    }
}
