//! Where connections come from, and what to do when they do not.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

/// First and longest pause after a failure to accept. Running out of file descriptors leaves the connection in the
/// backlog and the listener readable, so without a pause the loop would spin.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A source of connections; TCP outside of tests.
pub(super) trait Listener {
    /// One connection.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Waits for the next connection.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Io, SocketAddr)>>;
}

impl Listener for TcpListener {
    type Io = TcpStream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let accepted = Self::poll_accept(self, cx);
        if let Poll::Ready(Ok((stream, peer))) = &accepted
            // An answer is written in one piece or flushed on purpose; waiting for more only adds latency.
            && let Err(error) = stream.set_nodelay(true)
        {
            tracing::debug!(%peer, %error, "nodelay refused");
        }
        accepted
    }
}

/// Pauses between failures to accept; doubles up to a second.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub(super) fn new() -> Self {
        Self { next: FIRST_PAUSE }
    }

    pub(super) fn reset(&mut self) {
        self.next = FIRST_PAUSE;
    }

    /// How long to wait after `error`; not at all if it concerns only the connection that was being accepted.
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
        self.next = (pause * 2).min(LONGEST_PAUSE);
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_second_and_start_over() {
        let mut backoff = Backoff::new();
        let too_many_files = io::Error::from_raw_os_error(24);
        let pauses: Vec<_> = (0..9)
            .map(|_| backoff.pause(&too_many_files).unwrap().as_millis())
            .collect();
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
        backoff.reset();
        assert_eq!(backoff.pause(&too_many_files), Some(FIRST_PAUSE));
    }

    #[test]
    fn connection_that_died_in_the_backlog_costs_no_pause() {
        let died = io::Error::from(io::ErrorKind::ConnectionAborted);
        assert_eq!(Backoff::new().pause(&died), None);
    }
}
