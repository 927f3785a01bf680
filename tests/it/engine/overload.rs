//! More work than a model can do: order, refusals, and runs that are stopped.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use almanac_engine::{EngineConfig, Priority, SubmitError, Terms};
use almanac_model::{Batch, Forecaster, PredictError, Stop};
use ndarray::Array3;
use tokio::sync::mpsc as tokio_mpsc;

use super::{EngineTest, LARGE_LIMITS, distant_deadline, request};
use crate::support::scripted::{Scripted, last_values};

fn terms(priority: Priority) -> Terms {
    Terms {
        priority: Some(priority),
        ..distant_deadline()
    }
}

#[tokio::test]
async fn interactive_work_overtakes_waiting_bulk_work() {
    let (gated, mut gate) = Scripted::gated();
    let test = EngineTest::start(vec![gated], LARGE_LIMITS);
    let submit = |count: usize, priority| {
        let rows = (0..count).map(|_| request(1.0, 4, 2, &[])).collect();
        test.engine.submit(rows, terms(priority)).unwrap()
    };
    let running = submit(1, Priority::Interactive);
    assert_eq!(gate.batch_started().await, 1);
    let bulk = submit(7, Priority::Bulk);
    let interactive = submit(2, Priority::Interactive);
    gate.release();
    assert_eq!(gate.batch_started().await, 2);
    gate.release();
    assert_eq!(gate.batch_started().await, 7);
    gate.release();
    for submission in [running, bulk, interactive] {
        submission.outcomes().await.unwrap();
    }
}

#[tokio::test]
async fn a_request_larger_than_a_batch_is_bulk_unless_its_priority_is_set() {
    let (gated, mut gate) = Scripted::gated();
    // Two rows of 4 + 2 steps.
    let config = EngineConfig {
        batch_steps: 12,
        ..LARGE_LIMITS
    };
    let test = EngineTest::start(vec![gated], config);
    let submit = |last: f64, count: usize, terms| {
        let rows = (0..count).map(|_| request(last, 4, 2, &[])).collect();
        test.engine.submit(rows, terms).unwrap()
    };
    let running = submit(1.0, 1, distant_deadline());
    gate.batch_started().await;
    let large = submit(2.0, 3, distant_deadline());
    let small = submit(3.0, 1, distant_deadline());
    let urgent = submit(4.0, 3, terms(Priority::Interactive));
    gate.release();
    // The small request with a row of the urgent one, the other urgent rows, then the large request.
    let mut sizes = Vec::new();
    for _ in 0..4 {
        sizes.push(gate.batch_started().await);
        gate.release();
    }
    assert_eq!(sizes, [2, 2, 2, 1]);
    for submission in [running, large, small, urgent] {
        submission.outcomes().await.unwrap();
    }
}

#[tokio::test]
async fn idle_workers_share_a_large_request() {
    let (first, mut first_gate) = Scripted::gated();
    let (second, mut second_gate) = Scripted::gated();
    let test = EngineTest::start(vec![first, second], LARGE_LIMITS);
    test.workers_are_idle().await;
    let rows = (0..60).map(|_| request(1.0, 60, 40, &[])).collect();
    let submission = test.engine.submit(rows, distant_deadline()).unwrap();
    assert_eq!(
        [
            first_gate.batch_started().await,
            second_gate.batch_started().await
        ],
        [30, 30]
    );
    first_gate.release();
    second_gate.release();
    assert_eq!(submission.outcomes().await.unwrap().0.len(), 60);
}

#[tokio::test]
async fn a_request_whose_turn_would_come_too_late_is_refused_at_once() {
    let (gated, mut gate) = Scripted::gated();
    let config = EngineConfig {
        max_wait: Duration::ZERO,
        ..LARGE_LIMITS
    };
    let test = EngineTest::start(vec![gated], config);
    let submit = |terms| test.engine.submit(vec![request(1.0, 4, 2, &[])], terms);
    // The pace of the model is unknown before its first run.
    let first = submit(distant_deadline()).unwrap();
    gate.batch_started().await;
    gate.release();
    first.outcomes().await.unwrap();

    let running = submit(distant_deadline()).unwrap();
    gate.batch_started().await;
    let waiting = submit(distant_deadline()).unwrap();
    let refused = submit(distant_deadline()).unwrap_err();
    assert!(
        matches!(refused, SubmitError::WaitTooLong { wait, limit: Duration::ZERO } if !wait.is_zero()),
        "{refused:?}"
    );
    // Bulk waits as long as its deadline allows, and no longer.
    let bulk = submit(terms(Priority::Bulk)).unwrap();
    let soon = Terms {
        deadline: Instant::now(),
        priority: Some(Priority::Bulk),
    };
    assert!(matches!(
        submit(soon).unwrap_err(),
        SubmitError::WaitTooLong { .. }
    ));
    // The same is decided before a request is read, unless it is declared as bulk.
    for is_large in [false, true] {
        assert!(test.engine.admits(distant_deadline(), is_large).is_err());
        let patient = test.engine.admits(terms(Priority::Bulk), is_large);
        assert_eq!(patient, Ok(()));
    }
    test.check_metric("almanac_engine_refused_total", 2.0);
    for _ in 0..3 {
        gate.release();
    }
    for submission in [running, waiting, bulk] {
        submission.outcomes().await.unwrap();
    }
}

/// A model whose runs of a long horizon last until they are stopped.
struct Endless {
    flag: Arc<Flag>,
    stops: mpsc::Receiver<()>,
    started: tokio_mpsc::UnboundedSender<()>,
}

#[derive(Debug)]
struct Flag {
    stopped: mpsc::SyncSender<()>,
    resets: AtomicUsize,
}

impl Stop for Flag {
    fn stop(&self) {
        self.stopped.send(()).unwrap();
    }

    fn reset(&self) {
        self.resets.fetch_add(1, Ordering::SeqCst);
    }
}

impl Forecaster for Endless {
    fn predict(&mut self, batch: &Batch) -> Result<Array3<f32>, PredictError> {
        if batch.horizon() < 10 {
            return Ok(last_values(batch));
        }
        let _test_ended = self.started.send(());
        let _test_ended = self.stops.recv();
        Err(PredictError::Runtime("stopped".into()))
    }

    fn stop(&self) -> Option<Arc<dyn Stop>> {
        let flag: Arc<dyn Stop> = Arc::clone(&self.flag) as _;
        Some(flag)
    }
}

/// Creates such a model, and returns it with its flag and a channel that reports each run that starts.
fn endless() -> (Endless, Arc<Flag>, tokio_mpsc::UnboundedReceiver<()>) {
    let (stopped, stops) = mpsc::sync_channel(1);
    let (started, starts) = tokio_mpsc::unbounded_channel();
    let flag = Arc::new(Flag {
        stopped,
        resets: AtomicUsize::new(0),
    });
    let model = Endless {
        flag: Arc::clone(&flag),
        stops,
        started,
    };
    (model, flag, starts)
}

#[tokio::test]
async fn a_run_is_stopped_when_its_last_caller_is_gone() {
    let (model, flag, mut starts) = endless();
    let test = EngineTest::of(vec![Box::new(model)], LARGE_LIMITS);
    let long = || request(1.0, 4, 20, &[]);
    let running = test
        .engine
        .submit(vec![long(), long()], distant_deadline())
        .unwrap();
    starts.recv().await.unwrap();
    let waiting = test
        .engine
        .submit(vec![request(2.0, 4, 2, &[])], distant_deadline())
        .unwrap();
    drop(running);
    // The worker runs the waiting rows, and is not stopped by the earlier request.
    let (outcomes, _) = waiting.outcomes().await.unwrap();
    assert_eq!(outcomes[0].as_ref().unwrap().point(), [2.0; 2]);
    assert_eq!(flag.resets.load(Ordering::SeqCst), 1);
    test.check_metric("almanac_engine_stopped_total", 1.0);
    // A run without callers is no failure of the model.
    test.check_metric("almanac_engine_failed_total", 0.0);
}

#[tokio::test]
async fn a_run_continues_while_one_of_its_callers_waits() {
    let (gated, mut gate) = Scripted::gated();
    let test = EngineTest::start(vec![gated], LARGE_LIMITS);
    let submit = |last| {
        let rows = vec![request(last, 4, 2, &[])];
        test.engine.submit(rows, distant_deadline()).unwrap()
    };
    let running = submit(1.0);
    gate.batch_started().await;
    let (abandoned, awaited) = (submit(2.0), submit(3.0));
    gate.release();
    assert_eq!(gate.batch_started().await, 2);
    drop(abandoned);
    gate.release();
    running.outcomes().await.unwrap();
    let (outcomes, _) = awaited.outcomes().await.unwrap();
    assert_eq!(outcomes[0].as_ref().unwrap().point(), [3.0; 2]);
    test.check_metric("almanac_engine_stopped_total", 0.0);
}
