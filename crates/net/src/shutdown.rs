//! The shutdown of the process, in phases.
//!
//! A [`Shutdown`] is a handle that every part of the process may clone. A signal begins the
//! shutdown and [`Shutdown::run_to_completion`] advances it over time; all other parts observe it. Readiness
//! is false from [`ShutdownPhase::NotReady`] on, servers close their connections at [`ShutdownPhase::Draining`],
//! and the remaining connections are dropped at [`ShutdownPhase::Forced`]. This module neither stops
//! anything itself nor chooses an exit code.
//!
//! | phase      | begins                               | the server                               |
//! |------------|--------------------------------------|------------------------------------------|
//! | `Running`  | at the start                         | accepts and serves                       |
//! | `NotReady` | at the first signal                  | serves with `connection: close`          |
//! | `Draining` | `drain_delay` after the signal       | accepts no more, finishes the requests   |
//! | `Forced`   | at a second signal, `drain_deadline` | drops the remaining connections          |

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// A phase of the shutdown. Phases are ordered, and a shutdown never returns to an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ShutdownPhase {
    /// No signal has arrived.
    Running,
    /// A signal has arrived: readiness is false, and requests are still served.
    NotReady,
    /// No new connections are accepted; the requests in flight are being finished.
    Draining,
    /// The deadline has passed, or a second signal has arrived: the remaining connections are
    /// dropped.
    Forced,
}

impl ShutdownPhase {
    /// Returns true if a load balancer should send requests to this process.
    #[must_use]
    pub fn is_ready(self) -> bool {
        self == Self::Running
    }
}

/// The times at which the phases begin, counted from the first signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrainTiming {
    /// The time to continue serving while not ready; 5 s by default.
    ///
    /// Load balancers and kube-proxy notice a stopping target some seconds after it receives the
    /// signal, and the image has no shell for a `preStop` sleep.
    pub drain_delay: Duration,
    /// The time after which requests still in flight are aborted; 25 s by default.
    ///
    /// The default ends the process before ECS and Kubernetes send SIGKILL at 30 s. It includes the
    /// delay; a deadline before the end of the delay shortens the delay.
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

/// A handle to the shutdown of the process; clones share it.
///
/// ```
/// use almanac_net::shutdown::{DrainTiming, ShutdownPhase, Shutdown};
///
/// let shutdown = Shutdown::new(DrainTiming::default());
/// assert!(shutdown.phase().is_ready());
/// shutdown.signal();
/// assert_eq!(shutdown.phase(), ShutdownPhase::NotReady);
/// shutdown.signal();
/// assert_eq!(shutdown.phase(), ShutdownPhase::Forced);
/// ```
#[derive(Debug, Clone)]
pub struct Shutdown {
    state: Arc<ShutdownState>,
}

#[derive(Debug)]
struct ShutdownState {
    phase: watch::Sender<ShutdownPhase>,
    signalled_at: OnceLock<Instant>,
    timing: DrainTiming,
}

impl Shutdown {
    /// Creates a shutdown that has not begun.
    #[must_use]
    pub fn new(timing: DrainTiming) -> Self {
        let state = ShutdownState {
            phase: watch::Sender::new(ShutdownPhase::Running),
            signalled_at: OnceLock::new(),
            timing,
        };
        Self {
            state: Arc::new(state),
        }
    }

    /// Returns the current phase.
    #[must_use]
    pub fn phase(&self) -> ShutdownPhase {
        *self.state.phase.borrow()
    }

    /// Returns a channel that receives every change of phase.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<ShutdownPhase> {
        self.state.phase.subscribe()
    }

    /// Waits until the shutdown has reached `phase` or a later one.
    pub async fn wait_for(&self, phase: ShutdownPhase) {
        // The only error is a channel without senders, and `self` has one.
        drop(
            self.state
                .phase
                .subscribe()
                .wait_for(|now| *now >= phase)
                .await,
        );
    }

    /// Returns the time at which the remaining connections will be dropped, or `None` before the
    /// first signal.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.state
            .signalled_at
            .get()
            .map(|at| *at + self.state.timing.drain_deadline)
    }

    /// Handles a signal: the first one begins the shutdown, any further one forces it.
    pub fn signal(&self) {
        self.state.phase.send_if_modified(|phase| {
            let next = match *phase {
                ShutdownPhase::Running => ShutdownPhase::NotReady,
                ShutdownPhase::NotReady | ShutdownPhase::Draining | ShutdownPhase::Forced => {
                    ShutdownPhase::Forced
                }
            };
            if next == ShutdownPhase::NotReady {
                self.state.signalled_at.get_or_init(Instant::now);
            }
            let changed = *phase != next;
            *phase = next;
            changed
        });
    }

    /// Installs handlers for SIGTERM and SIGINT, and returns the future that listens for them,
    /// which never ends.
    ///
    /// The handlers are installed when this function returns, not when the future is first polled:
    /// the first process of a container ignores a SIGTERM that it has no handler for.
    ///
    /// # Errors
    /// Returns an error if the operating system refuses a handler.
    ///
    /// # Panics
    /// Panics outside a tokio runtime with its IO driver enabled.
    pub fn install_signal_handlers(
        &self,
    ) -> io::Result<impl Future<Output = Infallible> + Send + use<>> {
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

    /// Advances the shutdown over time, from the first signal to [`ShutdownPhase::Forced`].
    ///
    /// A server runs this future itself. Several may run at the same time, since they advance to
    /// the same phases at the same instants.
    pub async fn run_to_completion(&self) {
        self.wait_for(ShutdownPhase::NotReady).await;
        let signalled_at = *self.state.signalled_at.get_or_init(Instant::now);
        let DrainTiming {
            drain_delay,
            drain_deadline,
        } = self.state.timing;

        tokio::select! {
            () = self.wait_for(ShutdownPhase::Draining) => {}
            () = sleep_until(signalled_at + drain_delay.min(drain_deadline)) => {
                self.advance(ShutdownPhase::Draining);
            }
        }
        tokio::select! {
            () = self.wait_for(ShutdownPhase::Forced) => {}
            () = sleep_until(signalled_at + drain_deadline) => self.advance(ShutdownPhase::Forced),
        }
    }

    fn advance(&self, target: ShutdownPhase) {
        let changed = self.state.phase.send_if_modified(|phase| {
            let changed = *phase < target;
            *phase = (*phase).max(target);
            changed
        });
        if changed {
            tracing::info!(phase = ?target, "shutdown phase reached");
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
    async fn phases_begin_at_their_times_after_the_first_signal() {
        let shutdown = Shutdown::new(TIMING);
        let conductor = tokio::spawn({
            let shutdown = shutdown.clone();
            async move { shutdown.run_to_completion().await }
        });
        assert_eq!(
            (shutdown.phase(), shutdown.deadline()),
            (ShutdownPhase::Running, None)
        );

        let signalled_at = Instant::now();
        shutdown.signal();
        assert_eq!(shutdown.phase(), ShutdownPhase::NotReady);
        assert_eq!(
            shutdown.deadline(),
            Some(signalled_at + TIMING.drain_deadline)
        );

        shutdown.wait_for(ShutdownPhase::Draining).await;
        assert_eq!(signalled_at.elapsed().as_secs(), 5);
        shutdown.wait_for(ShutdownPhase::Forced).await;
        assert_eq!(signalled_at.elapsed().as_secs(), 25);
        conductor.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn second_signal_forces_the_shutdown() {
        let shutdown = Shutdown::new(TIMING);
        let started_at = Instant::now();
        shutdown.signal();
        shutdown.signal();
        shutdown.run_to_completion().await;
        assert_eq!(shutdown.phase(), ShutdownPhase::Forced);
        assert_eq!(started_at.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn deadline_before_the_delay_shortens_the_delay() {
        let shutdown = Shutdown::new(DrainTiming {
            drain_delay: Duration::from_secs(60),
            drain_deadline: Duration::from_secs(2),
        });
        let started_at = Instant::now();
        shutdown.signal();
        shutdown.run_to_completion().await;
        assert_eq!(started_at.elapsed().as_secs(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn concurrent_conductors_agree() {
        let shutdown = Shutdown::new(TIMING);
        let started_at = Instant::now();
        shutdown.signal();
        tokio::join!(shutdown.run_to_completion(), shutdown.run_to_completion());
        assert_eq!(started_at.elapsed().as_secs(), 25);
    }

    #[tokio::test]
    async fn real_signals_move_the_phase() {
        let shutdown = Shutdown::new(TIMING);
        tokio::spawn(shutdown.install_signal_handlers().unwrap());
        send_to_self("TERM");
        shutdown.wait_for(ShutdownPhase::NotReady).await;
        assert_eq!(shutdown.phase(), ShutdownPhase::NotReady);
        send_to_self("INT");
        shutdown.wait_for(ShutdownPhase::Forced).await;
    }

    /// Sends `signal` to this process, which is the parent of the shell that runs `kill`.
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
