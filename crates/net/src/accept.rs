//! The source of connections, and the pauses after a failure to accept one.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

/// The first pause after a failure to accept.
///
/// When file descriptors run out, the connection stays in the backlog and the listener stays
/// readable, so the loop would spin without a pause.
const INITIAL_PAUSE: Duration = Duration::from_millis(10);

/// The maximum pause after a failure to accept.
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// A source of connections; TCP outside of tests.
pub(super) trait Listener {
    /// The IO of one connection.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Polls for the next connection.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Io, SocketAddr)>>;
}

impl Listener for TcpListener {
    type Io = TcpStream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let accepted = Self::poll_accept(self, cx);
        if let Poll::Ready(Ok((stream, peer))) = &accepted
            // A response is written in one piece or flushed on purpose, so waiting for more bytes
            // only adds latency.
            && let Err(error) = stream.set_nodelay(true)
        {
            tracing::debug!(%peer, %error, "setting TCP_NODELAY failed");
        }
        accepted
    }
}

/// The pauses between failures to accept, which double up to a second.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub(super) fn new() -> Self {
        Self {
            next: INITIAL_PAUSE,
        }
    }

    pub(super) fn reset(&mut self) {
        self.next = INITIAL_PAUSE;
    }

    /// Returns the pause after `error`, or `None` if the error concerns only the connection that
    /// was being accepted.
    pub(super) fn pause(&mut self, error: &io::Error) -> Option<Duration> {
        if matches!(
            error.kind(),
            io::ErrorKind::ConnectionAborted
                | io::ErrorKind::ConnectionRefused
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::Interrupted
        ) {
            return None;
        }
        let pause = self.next;
        self.next = (pause * 2).min(MAX_PAUSE);
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_second_until_reset() {
        let mut backoff = Backoff::new();
        let too_many_files = io::Error::from_raw_os_error(24);
        let pauses: Vec<_> = (0..9)
            .map(|_| backoff.pause(&too_many_files).unwrap().as_millis())
            .collect();
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
        backoff.reset();
        assert_eq!(backoff.pause(&too_many_files), Some(INITIAL_PAUSE));
    }

    #[test]
    fn does_not_pause_for_a_connection_closed_in_the_backlog() {
        let closed = io::Error::from(io::ErrorKind::ConnectionAborted);
        assert_eq!(Backoff::new().pause(&closed), None);
    }
}
