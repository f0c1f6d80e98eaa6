//! One rule of RFC 6455 that fastwebsockets does not show its caller: section 5.2, a frame's length
//! is written in its shortest form, and one of 64 bits has no highest bit.
//!
//! Follows the bytes of a connection from header to header, skipping payloads, without keeping
//! any of them.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

/// Two bytes and a length of eight: what must be seen of a header. The mask is skipped like a
/// payload.
const HEAD_BYTES_MAX: usize = 10;
const MASK_BYTES: u64 = 4;

/// What a reader ends with when its peer breaks the rule; everything before that frame has been
/// read by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a length is not in its shortest form")]
pub(super) struct LongLength;

/// A reader of frames that ends where a length is longer than it need be.
pub(super) struct Lengths<R> {
    inner: R,
    follow: Follow,
    broken: bool,
}

/// Where in the sequence of frames a connection stands.
#[derive(Default)]
struct Follow {
    head: [u8; HEAD_BYTES_MAX],
    seen: usize,
    /// Of mask and payload, before the next header.
    skip: u64,
}

impl<R> Lengths<R> {
    pub(super) fn new(inner: R) -> Self {
        Self {
            inner,
            follow: Follow::default(),
            broken: false,
        }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Lengths<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.broken {
            let error = io::Error::new(io::ErrorKind::InvalidData, LongLength);
            return Poll::Ready(Err(error));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        let read = buffer.filled().get(before..).unwrap_or_default();
        if let Err(good) = self.follow.take(read) {
            self.broken = true;
            buffer.set_filled(before + good);
            if good == 0 {
                // An empty read would be the end of the stream.
                return self.poll_read(context, buffer);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl Follow {
    /// Goes on over what was read. When a length is wrong: how many of these bytes lie before the
    /// header it is in.
    fn take(&mut self, read: &[u8]) -> Result<(), usize> {
        let mut rest = read;
        while !rest.is_empty() {
            let skipped = usize::try_from(self.skip)
                .unwrap_or(usize::MAX)
                .min(rest.len());
            rest = rest.get(skipped..).unwrap_or_default();
            self.skip -= skipped as u64;
            let start = read.len() - rest.len();
            while self.skip == 0
                && let Some((byte, more)) = rest.split_first()
            {
                rest = more;
                if let Some(slot) = self.head.get_mut(self.seen) {
                    *slot = *byte;
                }
                self.seen += 1;
                if self.seen < self.head_bytes() {
                    continue;
                }
                self.skip = self.payload().ok_or(start)? + self.mask();
                self.seen = 0;
                break;
            }
        }
        Ok(())
    }

    fn head_bytes(&self) -> usize {
        match self.head[1] & 0x7F {
            _ if self.seen < 2 => 2,
            126 => 4,
            127 => HEAD_BYTES_MAX,
            _ => 2,
        }
    }

    fn mask(&self) -> u64 {
        if self.head[1] & 0x80 == 0 {
            0
        } else {
            MASK_BYTES
        }
    }

    /// None when its form is too long.
    fn payload(&self) -> Option<u64> {
        let [_, code, long @ ..] = self.head;
        let [high, low, ..] = long;
        let (length, least) = match code & 0x7F {
            126 => (u64::from(u16::from_be_bytes([high, low])), 126),
            127 => (u64::from_be_bytes(long), 1 << 16),
            short => (u64::from(short), 0),
        };
        (length >= least && length >> 63 == 0).then_some(length)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    /// A masked frame whose length has the given form.
    fn frame(length: usize, form: u8) -> Vec<u8> {
        let mut frame = vec![0x82, 0x80 | if form == 0 { length as u8 } else { form }];
        match form {
            126 => frame.extend(u16::try_from(length).unwrap().to_be_bytes()),
            127 => frame.extend((length as u64).to_be_bytes()),
            _ => {}
        }
        frame.extend([1, 2, 3, 4]);
        frame.resize(frame.len() + length, 0xFF);
        frame
    }

    /// What can be read of a stream that comes in pieces of a size.
    async fn read(stream: &[u8], piece: usize) -> (Vec<u8>, bool) {
        let (mut here, there) = tokio::io::duplex(piece);
        let writing = async {
            // The reader may end before everything is written.
            let _ = tokio::io::AsyncWriteExt::write_all(&mut here, stream).await;
            drop(here);
        };
        let reading = async {
            let mut all = Vec::new();
            let mut lengths = Lengths::new(there);
            let broken = lengths.read_to_end(&mut all).await.is_err();
            (all, broken)
        };
        tokio::join!(writing, reading).1
    }

    #[tokio::test]
    async fn frames_with_their_shortest_lengths_pass_as_they_are() {
        let lengths = [(0, 0), (125, 0), (126, 126), (65_535, 126), (65_536, 127)];
        let stream: Vec<u8> = lengths
            .iter()
            .flat_map(|(n, form)| frame(*n, *form))
            .collect();
        for piece in [1, 2, 3, 7, 1000, 1 << 20] {
            assert_eq!(
                read(&stream, piece).await,
                (stream.clone(), false),
                "{piece}"
            );
        }
    }

    #[tokio::test]
    async fn a_longer_form_ends_the_stream_behind_the_frames_before_it() {
        for (length, form) in [(0, 126), (125, 126), (126, 127), (65_535, 127), (3, 127)] {
            let good = [frame(200, 126), frame(5, 0)].concat();
            let stream = [good.clone(), frame(length, form), frame(1, 0)].concat();
            for piece in [1, 2, 3, 7, 1000, 1 << 20] {
                let (read, broken) = read(&stream, piece).await;
                assert!(broken, "{length} as {form} in pieces of {piece}");
                // Of the header itself some bytes may have been passed on, never a whole one.
                assert!(read.starts_with(&good) && read.len() < good.len() + 10);
            }
        }
    }

    #[tokio::test]
    async fn a_length_with_its_highest_bit_ends_the_stream() {
        let head = [0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 1];
        assert!(read(&head, 64).await.1);
    }
}
