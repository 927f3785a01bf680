//! The IO of a connection, which records reads, writes and blocked writes for the timeouts.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::activity::Activity;
use crate::clock::Protocol;

/// The connection preface of an HTTP/2 client with prior knowledge (RFC 9113, section 3.4).
const HTTP2_PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// An IO that reports its activity.
#[derive(Debug)]
pub(super) struct WatchedIo<I> {
    io: I,
    activity: Arc<Activity>,
    /// The bytes that were read to detect the protocol; returned before any others.
    peeked: BytesMut,
}

impl<I> WatchedIo<I>
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    pub(super) fn new(io: I, activity: Arc<Activity>) -> Self {
        Self {
            io,
            activity,
            peeked: BytesMut::new(),
        }
    }

    /// Polls until the protocol is known: HTTP/2 after the whole preface, HTTP/1 after the first
    /// byte that differs from it.
    ///
    /// Returns `None` at the end of a stream without a byte. A new call continues where the last
    /// one stopped.
    pub(super) fn poll_protocol(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Option<Protocol>>> {
        while self.peeked.len() < HTTP2_PREFACE.len() {
            let mut bytes = [0; HTTP2_PREFACE.len()];
            let mut buffer = ReadBuf::new(&mut bytes[self.peeked.len()..]);
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut buffer))?;
            if buffer.filled().is_empty() {
                // HTTP/1 rejects the incomplete bytes.
                let protocol = (!self.peeked.is_empty()).then_some(Protocol::Http1);
                return Poll::Ready(Ok(protocol));
            }
            self.activity.record_read();
            self.peeked.extend_from_slice(buffer.filled());
            if !HTTP2_PREFACE.starts_with(&self.peeked) {
                return Poll::Ready(Ok(Some(Protocol::Http1)));
            }
        }
        Poll::Ready(Ok(Some(Protocol::Http2)))
    }

    fn record_write_outcome(&self, outcome: &Poll<io::Result<usize>>) {
        match outcome {
            Poll::Ready(_) => self.activity.record_write(),
            Poll::Pending => self.activity.record_blocked_write(),
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
        if !self.peeked.is_empty() {
            let n_bytes = self.peeked.len().min(buffer.remaining());
            buffer.put_slice(&self.peeked[..n_bytes]);
            self.peeked.advance(n_bytes);
            return Poll::Ready(Ok(()));
        }
        let filled_before = buffer.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buffer))?;
        if buffer.filled().len() > filled_before {
            self.activity.record_read();
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
        self.record_write_outcome(&outcome);
        outcome
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        self.record_write_outcome(&outcome);
        outcome
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.io).poll_flush(cx);
        if outcome.is_pending() {
            self.activity.record_blocked_write();
        }
        outcome
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.io).poll_shutdown(cx);
        if outcome.is_pending() {
            self.activity.record_blocked_write();
        }
        outcome
    }
}
