//! More work than a model can do: who goes first, who is refused, what is stopped.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use almanac_engine::{EngineConfig, Priority, SubmitError, Terms};
use almanac_model::{Batch, Forecaster, PredictError, Stop};
use ndarray::Array3;
use tokio::sync::mpsc as tokio_mpsc;

use super::{ROOMY, Tested, far, request};
use crate::support::scripted::{Scripted, last_values};

fn terms(priority: Priority) -> Terms {
    Terms {
        priority: Some(priority),
        ..far()
    }
}

#[tokio::test]
async fn interactive_work_overtakes_bulk_that_waits() {
    let (held, mut gate) = Scripted::gated();
    let tested = Tested::start(vec![held], ROOMY);
    let submit = |count: usize, priority| {
        let rows = (0..count).map(|_| request(1.0, 4, 2, &[])).collect();
        tested.engine.submit(rows, terms(priority)).unwrap()
    };
    let running = submit(1, Priority::Interactive);
    assert_eq!(gate.begun().await, 1);
    let bulk = submit(7, Priority::Bulk);
    let interactive = submit(2, Priority::Interactive);
    gate.release();
    assert_eq!(gate.begun().await, 2);
    gate.release();
    assert_eq!(gate.begun().await, 7);
    gate.release();
    for submission in [running, bulk, interactive] {
        submission.outcomes().await.unwrap();
    }
}

#[tokio::test]
async fn what_fills_more_than_a_batch_is_bulk_unless_it_says_otherwise() {
    let (held, mut gate) = Scripted::gated();
    // Two rows of 4 + 2 steps.
    let config = EngineConfig {
        batch_steps: 12,
        ..ROOMY
    };
    let tested = Tested::start(vec![held], config);
    let submit = |last: f64, count: usize, terms| {
        let rows = (0..count).map(|_| request(last, 4, 2, &[])).collect();
        tested.engine.submit(rows, terms).unwrap()
    };
    let running = submit(1.0, 1, far());
    gate.begun().await;
    let large = submit(2.0, 3, far());
    let small = submit(3.0, 1, far());
    let urgent = submit(4.0, 3, terms(Priority::Interactive));
    gate.release();
    // The small one with one of the urgent, the other urgent ones, then the large one.
    let mut sizes = Vec::new();
    for _ in 0..4 {
        sizes.push(gate.begun().await);
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
    let tested = Tested::start(vec![first, second], ROOMY);
    tested.workers_are_idle().await;
    let rows = (0..60).map(|_| request(1.0, 60, 40, &[])).collect();
    let submission = tested.engine.submit(rows, far()).unwrap();
    assert_eq!(
        [first_gate.begun().await, second_gate.begun().await],
        [30, 30]
    );
    first_gate.release();
    second_gate.release();
    assert_eq!(submission.outcomes().await.unwrap().0.len(), 60);
}

#[tokio::test]
async fn a_request_whose_turn_would_come_too_late_is_refused_at_once() {
    let (held, mut gate) = Scripted::gated();
    let config = EngineConfig {
        max_wait: Duration::ZERO,
        ..ROOMY
    };
    let tested = Tested::start(vec![held], config);
    let submit = |terms| tested.engine.submit(vec![request(1.0, 4, 2, &[])], terms);
    // A run is needed before anything is known of the model's pace.
    let first = submit(far()).unwrap();
    gate.begun().await;
    gate.release();
    first.outcomes().await.unwrap();

    let running = submit(far()).unwrap();
    gate.begun().await;
    let waiting = submit(far()).unwrap();
    let refused = submit(far()).unwrap_err();
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
    // The same is known before a request is read, except of what says that it is bulk.
    for is_large in [false, true] {
        assert!(tested.engine.admits(far(), is_large).is_err());
        let patient = tested.engine.admits(terms(Priority::Bulk), is_large);
        assert_eq!(patient, Ok(()));
    }
    tested.check_metric("almanac_engine_refused_total", 2.0);
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
    begun: tokio_mpsc::UnboundedSender<()>,
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
        let _test_ended = self.begun.send(());
        let _test_ended = self.stops.recv();
        Err(PredictError::Runtime("stopped".into()))
    }

    fn stop(&self) -> Option<Arc<dyn Stop>> {
        let flag: Arc<dyn Stop> = Arc::clone(&self.flag) as _;
        Some(flag)
    }
}

/// One such model, its flag, and what tells that it has begun.
fn endless() -> (Endless, Arc<Flag>, tokio_mpsc::UnboundedReceiver<()>) {
    let (stopped, stops) = mpsc::sync_channel(1);
    let (begun, begins) = tokio_mpsc::unbounded_channel();
    let flag = Arc::new(Flag {
        stopped,
        resets: AtomicUsize::new(0),
    });
    let model = Endless {
        flag: Arc::clone(&flag),
        stops,
        begun,
    };
    (model, flag, begins)
}

#[tokio::test]
async fn a_run_is_stopped_when_its_last_caller_leaves() {
    let (model, flag, mut begun) = endless();
    let tested = Tested::of(vec![Box::new(model)], ROOMY);
    let long = || request(1.0, 4, 20, &[]);
    let running = tested.engine.submit(vec![long(), long()], far()).unwrap();
    begun.recv().await.unwrap();
    let waiting = tested
        .engine
        .submit(vec![request(2.0, 4, 2, &[])], far())
        .unwrap();
    drop(running);
    // The worker goes on with what waits, and is not stopped by what is past.
    let (outcomes, _) = waiting.outcomes().await.unwrap();
    assert_eq!(outcomes[0].as_ref().unwrap().point(), [2.0; 2]);
    assert_eq!(flag.resets.load(Ordering::SeqCst), 1);
    tested.check_metric("almanac_engine_stopped_total", 1.0);
    // A run that nobody waits for is no failure of the model.
    tested.check_metric("almanac_engine_failed_total", 0.0);
}

#[tokio::test]
async fn a_run_goes_on_while_one_of_its_callers_stays() {
    let (held, mut gate) = Scripted::gated();
    let tested = Tested::start(vec![held], ROOMY);
    let submit = |last| {
        let rows = vec![request(last, 4, 2, &[])];
        tested.engine.submit(rows, far()).unwrap()
    };
    let running = submit(1.0);
    gate.begun().await;
    let (leaves, stays) = (submit(2.0), submit(3.0));
    gate.release();
    assert_eq!(gate.begun().await, 2);
    drop(leaves);
    gate.release();
    running.outcomes().await.unwrap();
    let (outcomes, _) = stays.outcomes().await.unwrap();
    assert_eq!(outcomes[0].as_ref().unwrap().point(), [3.0; 2]);
    tested.check_metric("almanac_engine_stopped_total", 0.0);
}
