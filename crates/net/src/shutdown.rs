//! How the process stops: the phases of a shutdown, what moves it from one to the next, and who hears of it.
//!
//! A [`Shutdown`] is a handle that every part of the process may clone. Signals start it, time moves it on
//! ([`Shutdown::conduct`]), and everything else only watches: readiness is false from [`Phase::NotReady`] on, servers
//! close connections at [`Phase::Draining`], and whatever is left is dropped at [`Phase::Forced`]. This module stops
//! nothing itself and chooses no exit code.
//!
//! | phase      | begins                              | the server                                          |
//! |------------|-------------------------------------|-----------------------------------------------------|
//! | `Running`  | at once                             | accepts and serves                                  |
//! | `NotReady` | first signal                        | is not ready; accepts and serves, asks to reconnect |
//! | `Draining` | `drain_delay` after the signal      | accepts no more, finishes what is in flight         |
//! | `Forced`   | second signal, or `drain_deadline`  | drops what is left                                  |

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// How far a shutdown has come; phases are ordered and never go back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// No signal has arrived.
    Running,
    /// A signal has arrived: readiness is false, and requests are still served as before.
    NotReady,
    /// No new connections; what is in flight is being finished.
    Draining,
    /// Time is up, or somebody insisted: what is left is dropped.
    Forced,
}

impl Phase {
    /// Whether a load balancer should send requests here.
    #[must_use]
    pub fn is_ready(self) -> bool {
        self == Self::Running
    }
}

/// When the phases follow each other, counted from the first signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrainTiming {
    /// How long to go on serving while not ready; 5 s. Load balancers and kube-proxy learn of a stopping target some
    /// seconds after it does, and the image has no shell for a `preStop` sleep.
    pub drain_delay: Duration,
    /// When to give up on what is still in flight; 25 s, so that all is over before ECS and Kubernetes send SIGKILL at
    /// 30 s. Includes the delay; a deadline before the end of the delay cuts the delay short.
    pub drain_deadline: Duration,
}

impl Default for DrainTiming {
    fn default() -> Self {
        Self {
            drain_delay: Duration::from_secs(5),
            drain_deadline: Duration::from_secs(25),
        }
    }
}

/// A handle on the shutdown of the process; clones share it.
///
/// ```
/// use almanac_net::shutdown::{DrainTiming, Phase, Shutdown};
///
/// let shutdown = Shutdown::new(DrainTiming::default());
/// assert!(shutdown.phase().is_ready());
/// shutdown.signal();
/// assert_eq!(shutdown.phase(), Phase::NotReady);
/// shutdown.signal();
/// assert_eq!(shutdown.phase(), Phase::Forced);
/// ```
#[derive(Debug, Clone)]
pub struct Shutdown {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    phase: watch::Sender<Phase>,
    signalled_at: OnceLock<Instant>,
    timing: DrainTiming,
}

impl Shutdown {
    /// A shutdown that has not begun.
    #[must_use]
    pub fn new(timing: DrainTiming) -> Self {
        let inner = Inner {
            phase: watch::Sender::new(Phase::Running),
            signalled_at: OnceLock::new(),
            timing,
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// The phase now.
    #[must_use]
    pub fn phase(&self) -> Phase {
        *self.inner.phase.borrow()
    }

    /// A channel that carries every change of phase, for those who do more than wait for one.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Phase> {
        self.inner.phase.subscribe()
    }

    /// Waits until the shutdown has come to `phase` or beyond; at once if it already has.
    pub async fn reached(&self, phase: Phase) {
        // The only error is a channel without senders, and `self` holds one.
        drop(
            self.inner
                .phase
                .subscribe()
                .wait_for(|now| *now >= phase)
                .await,
        );
    }

    /// When what is left will be dropped; none before the first signal.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.inner
            .signalled_at
            .get()
            .map(|at| *at + self.inner.timing.drain_deadline)
    }

    /// Acts as a signal does: the first begins the shutdown, any further one forces it.
    pub fn signal(&self) {
        self.inner.phase.send_if_modified(|phase| {
            let next = match *phase {
                Phase::Running => Phase::NotReady,
                Phase::NotReady | Phase::Draining | Phase::Forced => Phase::Forced,
            };
            if next == Phase::NotReady {
                self.inner.signalled_at.get_or_init(Instant::now);
            }
            let changed = *phase != next;
            *phase = next;
            changed
        });
    }

    /// Installs handlers for SIGTERM and SIGINT and returns the future that listens to them; it never ends.
    ///
    /// The handlers stand when this returns, not when the future is first polled: the first process of a container
    /// ignores a SIGTERM that it has no handler for.
    ///
    /// # Errors
    ///
    /// Fails when the operating system refuses a handler.
    ///
    /// # Panics
    ///
    /// Panics outside a tokio runtime with its IO driver enabled.
    pub fn signals(&self) -> io::Result<impl Future<Output = Infallible> + Send + use<>> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let shutdown = self.clone();
        Ok(async move {
            loop {
                let name = tokio::select! {
                    Some(()) = terminate.recv() => "SIGTERM",
                    Some(()) = interrupt.recv() => "SIGINT",
                };
                shutdown.signal();
                tracing::info!(signal = name, phase = ?shutdown.phase(), "signal received");
            }
        })
    }

    /// Moves the phases on by time, from the first signal until the deadline.
    ///
    /// Ends at [`Phase::Forced`]. More than one may run at a time, as they move towards the same instants; a server
    /// runs it beside itself, so that nobody has to remember to.
    pub async fn conduct(&self) {
        self.reached(Phase::NotReady).await;
        let signalled_at = *self.inner.signalled_at.get_or_init(Instant::now);
        let DrainTiming {
            drain_delay,
            drain_deadline,
        } = self.inner.timing;

        tokio::select! {
            () = self.reached(Phase::Draining) => {}
            () = sleep_until(signalled_at + drain_delay.min(drain_deadline)) => {
                self.advance(Phase::Draining);
            }
        }
        tokio::select! {
            () = self.reached(Phase::Forced) => {}
            () = sleep_until(signalled_at + drain_deadline) => self.advance(Phase::Forced),
        }
    }

    fn advance(&self, to: Phase) {
        let changed = self.inner.phase.send_if_modified(|phase| {
            let changed = *phase < to;
            *phase = (*phase).max(to);
            changed
        });
        if changed {
            tracing::info!(phase = ?to, "shutdown advanced");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    const TIMING: DrainTiming = DrainTiming {
        drain_delay: Duration::from_secs(5),
        drain_deadline: Duration::from_secs(25),
    };

    #[tokio::test(start_paused = true)]
    async fn phases_follow_the_first_signal_by_the_timing() {
        let shutdown = Shutdown::new(TIMING);
        let conductor = tokio::spawn({
            let shutdown = shutdown.clone();
            async move { shutdown.conduct().await }
        });
        assert_eq!(
            (shutdown.phase(), shutdown.deadline()),
            (Phase::Running, None)
        );

        let signalled_at = Instant::now();
        shutdown.signal();
        assert_eq!(shutdown.phase(), Phase::NotReady);
        assert_eq!(
            shutdown.deadline(),
            Some(signalled_at + TIMING.drain_deadline)
        );

        shutdown.reached(Phase::Draining).await;
        assert_eq!(signalled_at.elapsed().as_secs(), 5);
        shutdown.reached(Phase::Forced).await;
        assert_eq!(signalled_at.elapsed().as_secs(), 25);
        conductor.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn second_signal_skips_what_is_left() {
        let shutdown = Shutdown::new(TIMING);
        let begun_at = Instant::now();
        shutdown.signal();
        shutdown.signal();
        shutdown.conduct().await;
        assert_eq!(shutdown.phase(), Phase::Forced);
        assert_eq!(begun_at.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn deadline_before_the_delay_cuts_the_delay() {
        let shutdown = Shutdown::new(DrainTiming {
            drain_delay: Duration::from_secs(60),
            drain_deadline: Duration::from_secs(2),
        });
        let begun_at = Instant::now();
        shutdown.signal();
        shutdown.conduct().await;
        assert_eq!(begun_at.elapsed().as_secs(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn two_conductors_agree() {
        let shutdown = Shutdown::new(TIMING);
        let begun_at = Instant::now();
        shutdown.signal();
        tokio::join!(shutdown.conduct(), shutdown.conduct());
        assert_eq!(begun_at.elapsed().as_secs(), 25);
    }

    #[tokio::test]
    async fn real_signals_move_the_phase() {
        let shutdown = Shutdown::new(TIMING);
        tokio::spawn(shutdown.signals().unwrap());
        send_to_self("TERM");
        shutdown.reached(Phase::NotReady).await;
        assert_eq!(shutdown.phase(), Phase::NotReady);
        send_to_self("INT");
        shutdown.reached(Phase::Forced).await;
    }

    /// `kill` is a builtin of the shell, whose parent is this process.
    fn send_to_self(signal: &str) {
        let command = format!("kill -{signal} $PPID");
        assert!(
            Command::new("sh")
                .args(["-c", &command])
                .status()
                .unwrap()
                .success()
        );
    }
}
