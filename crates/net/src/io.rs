//! The IO of a connection, watched: tells the clocks of bytes that come, go, or cannot go.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::activity::Activity;
use super::clock::Protocol;

/// What an HTTP/2 client that knows its server sends first (RFC 9113, section 3.4).
const HTTP2_PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

#[derive(Debug)]
pub(super) struct WatchedIo<I> {
    io: I,
    activity: Arc<Activity>,
    /// Bytes read to recognise the protocol, given out again before any others.
    seen: BytesMut,
}

impl<I> WatchedIo<I>
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    pub(super) fn new(io: I, activity: Arc<Activity>) -> Self {
        Self {
            io,
            activity,
            seen: BytesMut::new(),
        }
    }

    /// Reads until the protocol is certain, which the first byte that is not the preface's decides; `None` at the end
    /// of a stream without a byte. May be dropped and called again.
    pub(super) fn poll_protocol(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Option<Protocol>>> {
        while self.seen.len() < HTTP2_PREFACE.len() {
            let mut bytes = [0; HTTP2_PREFACE.len()];
            let mut buffer = ReadBuf::new(&mut bytes[self.seen.len()..]);
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut buffer))?;
            if buffer.filled().is_empty() {
                // What was begun is HTTP/1's to refuse.
                let protocol = (!self.seen.is_empty()).then_some(Protocol::Http1);
                return Poll::Ready(Ok(protocol));
            }
            self.activity.receive();
            self.seen.extend_from_slice(buffer.filled());
            if !HTTP2_PREFACE.starts_with(&self.seen) {
                return Poll::Ready(Ok(Some(Protocol::Http1)));
            }
        }
        Poll::Ready(Ok(Some(Protocol::Http2)))
    }

    fn note_write(&self, outcome: &Poll<io::Result<usize>>) {
        match outcome {
            Poll::Ready(_) => self.activity.write(),
            Poll::Pending => self.activity.block_write(),
        }
    }
}

impl<I> AsyncRead for WatchedIo<I>
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.seen.is_empty() {
            let n_bytes = self.seen.len().min(buffer.remaining());
            buffer.put_slice(&self.seen[..n_bytes]);
            self.seen.advance(n_bytes);
            return Poll::Ready(Ok(()));
        }
        let filled_before = buffer.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buffer))?;
        if buffer.filled().len() > filled_before {
            self.activity.receive();
        }
        Poll::Ready(Ok(()))
    }
}

impl<I> AsyncWrite for WatchedIo<I>
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.note_write(&outcome);
        outcome
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        self.note_write(&outcome);
        outcome
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.io).poll_flush(cx);
        if outcome.is_pending() {
            self.activity.block_write();
        }
        outcome
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.io).poll_shutdown(cx);
        if outcome.is_pending() {
            self.activity.block_write();
        }
        outcome
    }
}
