//! Deadlines, abandoned requests, models that fail, and the end of an engine.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use almanac_engine::{EngineConfig, EngineError, SeriesFailure, SubmitError};
use almanac_model::{PredictError, RowError, Unfit};
use ndarray::{Array3, s};

use super::{EngineTest, LARGE_LIMITS, distant_deadline, request, terms_until};
use crate::support::scripted::{Scripted, last_value, last_values};

/// The value on which the model of a test fails.
const POISON: f64 = 13.0;

#[tokio::test]
async fn rows_past_their_deadline_are_dropped_and_counted() {
    let (gated, mut gate) = Scripted::gated();
    let test = EngineTest::start(vec![gated], LARGE_LIMITS);
    let running = test
        .engine
        .submit(vec![request(1.0, 4, 2, &[])], distant_deadline())
        .unwrap();
    gate.batch_started().await;
    let rows = vec![request(2.0, 4, 2, &[]), request(3.0, 4, 2, &[])];
    let late = test
        .engine
        .submit(rows, terms_until(Instant::now()))
        .unwrap();
    let next = test
        .engine
        .submit(vec![request(4.0, 4, 2, &[])], distant_deadline())
        .unwrap();
    assert_eq!(
        late.outcomes().await.unwrap_err(),
        EngineError::DeadlineExceeded
    );
    gate.release();
    gate.release();
    let (outcomes, _) = running.outcomes().await.unwrap();
    assert_eq!(outcomes[0].as_ref().unwrap().point(), [1.0; 2]);
    // The next batch is the next row alone.
    assert_eq!(gate.batch_started().await, 1);
    let (outcomes, _) = next.outcomes().await.unwrap();
    assert_eq!(outcomes[0].as_ref().unwrap().point(), [4.0; 2]);
    test.check_metric("almanac_engine_dropped_total", 2.0);
    test.check_metric("almanac_engine_queue_steps", 0.0);
}

#[tokio::test(start_paused = true)]
async fn a_caller_receives_an_error_when_the_deadline_passes_while_its_row_runs() {
    let (gated, mut gate) = Scripted::gated();
    let test = EngineTest::start(vec![gated], LARGE_LIMITS);
    let deadline = Instant::now() + Duration::from_secs(5);
    let running = test
        .engine
        .submit(vec![request(1.0, 4, 2, &[])], terms_until(deadline))
        .unwrap();
    assert_eq!(gate.batch_started().await, 1);
    assert_eq!(
        running.outcomes().await.unwrap_err(),
        EngineError::DeadlineExceeded
    );
    // From here on the test waits for the worker, which a paused clock does not.
    tokio::time::resume();
    gate.release();
    let next = test
        .engine
        .submit(vec![request(2.0, 4, 2, &[])], distant_deadline())
        .unwrap();
    gate.release();
    assert_eq!(gate.batch_started().await, 1);
    assert_eq!(
        next.outcomes().await.unwrap().0[0]
            .as_ref()
            .unwrap()
            .point(),
        [2.0; 2]
    );
}

#[tokio::test]
async fn abandoned_rows_are_dropped_and_free_their_place() {
    let (gated, mut gate) = Scripted::gated();
    // The queue holds two rows of 4 + 2 steps.
    let config = EngineConfig {
        queue_steps: 12,
        ..LARGE_LIMITS
    };
    let test = EngineTest::start(vec![gated], config);
    let submit = |last| {
        test.engine
            .submit(vec![request(last, 4, 2, &[])], distant_deadline())
    };
    let running = submit(1.0).unwrap();
    gate.batch_started().await;
    let (abandoned, waiting) = (submit(2.0).unwrap(), submit(3.0).unwrap());
    assert_eq!(
        submit(4.0).unwrap_err(),
        SubmitError::QueueFull {
            waiting: 12,
            asked: 6,
            limit: 12,
            // No run has ended yet.
            retry_after: Duration::ZERO,
        }
    );
    test.check_metric("almanac_engine_refused_total", 1.0);
    drop(abandoned);
    let admitted = submit(5.0).unwrap();
    test.check_metric("almanac_engine_dropped_total", 1.0);
    test.check_metric("almanac_engine_queue_steps", 12.0);
    gate.release();
    gate.release();
    for (submission, expected) in [(running, 1.0), (waiting, 3.0), (admitted, 5.0)] {
        let (outcomes, _) = submission.outcomes().await.unwrap();
        assert_eq!(outcomes[0].as_ref().unwrap().point(), [expected; 2]);
    }
}

#[tokio::test]
async fn a_request_over_the_limit_is_admitted_when_the_queue_is_empty() {
    let config = EngineConfig {
        queue_steps: 10,
        batch_steps: 10,
        ..LARGE_LIMITS
    };
    let test = EngineTest::start(vec![Scripted::last_value()], config);
    let rows = (1..=20)
        .map(|last| request(f64::from(last), 60, 48, &[]))
        .collect();
    let (outcomes, _) = test
        .engine
        .submit(rows, distant_deadline())
        .unwrap()
        .outcomes()
        .await
        .unwrap();
    for (outcome, last) in outcomes.iter().zip(1..) {
        assert_eq!(outcome.as_ref().unwrap().point(), [f64::from(last); 48]);
    }
}

/// Creates a model that fails with `failure` on each batch with [`POISON`], and returns it with a
/// channel of the batch sizes.
fn poisoned(
    failure: fn() -> Result<Array3<f32>, PredictError>,
) -> (Scripted, mpsc::Receiver<usize>) {
    let (batch_sizes, batches) = mpsc::channel();
    let script = move |batch: &almanac_model::Batch| {
        batch_sizes.send(batch.len()).unwrap();
        let poison = |row_idx| (f64::from(last_value(batch, row_idx)) - POISON).abs() < 0.5;
        if (0..batch.len()).any(poison) {
            failure()
        } else {
            Ok(last_values(batch))
        }
    };
    (Scripted::new(script), batches)
}

/// Checks that of three rows in a batch only the second, which is poison, fails.
async fn check_contained(failure: fn() -> Result<Array3<f32>, PredictError>, reason: &str) {
    let (scripted, batches) = poisoned(failure);
    let test = EngineTest::start(vec![scripted], LARGE_LIMITS);
    let rows = || {
        vec![
            request(1.0, 4, 2, &[]),
            request(POISON, 9, 5, &[]),
            request(3.0, 4, 2, &[]),
        ]
    };
    for _ in 0..2 {
        let (outcomes, _) = test
            .engine
            .submit(rows(), distant_deadline())
            .unwrap()
            .outcomes()
            .await
            .unwrap();
        assert_eq!(outcomes[0].as_ref().unwrap().point(), [1.0; 2]);
        assert_eq!(outcomes[1], Err(SeriesFailure::Model(reason.to_owned())));
        assert_eq!(outcomes[2].as_ref().unwrap().point(), [3.0; 2]);
        // All rows in one batch, then each row alone.
        assert_eq!(batches.try_iter().collect::<Vec<_>>(), [3, 1, 1, 1]);
    }
    test.check_metric("almanac_engine_failed_total", 2.0);
}

#[tokio::test]
async fn a_failing_batch_is_retried_row_by_row() {
    let failure = || Err(PredictError::Runtime("out of memory".into()));
    check_contained(failure, "the model failed: out of memory").await;
}

#[tokio::test]
async fn a_panicking_model_fails_its_row_and_not_the_process() {
    check_contained(|| panic!("a panic for a test"), "the model panicked").await;
}

#[tokio::test]
async fn an_answer_of_the_wrong_shape_is_a_failure() {
    for shape in [(0, 3, 5), (1, 2, 5), (1, 3, 4), (2, 3, 5)] {
        let script = move |_: &almanac_model::Batch| Ok(Array3::zeros(shape));
        let test = EngineTest::start(vec![Scripted::new(script)], LARGE_LIMITS);
        let rows = vec![request(1.0, 4, 5, &[])];
        let (outcomes, _) = test
            .engine
            .submit(rows, distant_deadline())
            .unwrap()
            .outcomes()
            .await
            .unwrap();
        let (rows, levels, steps) = shape;
        let reason = format!(
            "the model returned a tensor of shape [{rows}, {levels}, {steps}], expected [1, 3, 5]"
        );
        assert_eq!(outcomes[0], Err(SeriesFailure::Model(reason)));
    }
}

#[tokio::test]
async fn steps_beyond_the_horizon_are_cut() {
    let script = |batch: &almanac_model::Batch| Ok(Array3::ones((batch.len(), 3, 48)));
    let test = EngineTest::start(vec![Scripted::new(script)], LARGE_LIMITS);
    let rows = vec![request(1.0, 4, 5, &[])];
    let (outcomes, _) = test
        .engine
        .submit(rows, distant_deadline())
        .unwrap()
        .outcomes()
        .await
        .unwrap();
    assert_eq!(outcomes[0].as_ref().unwrap().point(), [1.0; 5]);
}

#[tokio::test]
async fn a_row_of_nan_fails_alone() {
    let script = |batch: &almanac_model::Batch| {
        let mut output = last_values(batch);
        output[[1, 2, 4]] = f32::NAN;
        output.slice_mut(s![2, .., 2..]).fill(f32::INFINITY);
        Ok(output)
    };
    let test = EngineTest::start(vec![Scripted::new(script)], LARGE_LIMITS);
    // The horizon of the third row ends before the infinities.
    let rows = vec![
        request(1.0, 4, 5, &[]),
        request(2.0, 4, 5, &[]),
        request(3.0, 4, 2, &[]),
    ];
    let (outcomes, _) = test
        .engine
        .submit(rows, distant_deadline())
        .unwrap()
        .outcomes()
        .await
        .unwrap();
    assert_eq!(outcomes[0].as_ref().unwrap().point(), [1.0; 5]);
    assert_eq!(outcomes[1], Err(SeriesFailure::Row(RowError::NotFinite)));
    assert_eq!(outcomes[2].as_ref().unwrap().point(), [3.0; 2]);
}

#[tokio::test]
async fn rows_that_do_not_fit_the_model_fail_without_running() {
    let test = EngineTest::start(vec![Scripted::failing("must not run")], LARGE_LIMITS);
    let rows = vec![request(1.0, 1, 2, &[])];
    let (outcomes, timing) = test
        .engine
        .submit(rows, distant_deadline())
        .unwrap()
        .outcomes()
        .await
        .unwrap();
    let unfit = Unfit::TooShort {
        length: 1,
        least: 2,
        model: "scripted".to_owned(),
    };
    assert_eq!(outcomes, [Err(SeriesFailure::Unfit(unfit))]);
    assert_eq!(timing.inference, Duration::ZERO);
}

#[tokio::test]
async fn waiting_rows_are_finished_when_the_engine_is_dropped() {
    let (gated, mut gate) = Scripted::gated();
    let EngineTest { engine, .. } = EngineTest::start(vec![gated], LARGE_LIMITS);
    let submit = |last| {
        engine
            .submit(vec![request(last, 4, 2, &[])], distant_deadline())
            .unwrap()
    };
    let running = submit(1.0);
    gate.batch_started().await;
    let waiting = submit(2.0);
    drop(engine);
    gate.release();
    gate.release();
    for (submission, expected) in [(running, 1.0), (waiting, 2.0)] {
        let (outcomes, _) = submission.outcomes().await.unwrap();
        assert_eq!(outcomes[0].as_ref().unwrap().point(), [expected; 2]);
    }
}

#[tokio::test]
async fn timing_has_the_time_in_the_queue_and_the_time_of_inference() {
    let (gated, mut gate) = Scripted::gated();
    let test = EngineTest::start(vec![gated], LARGE_LIMITS);
    let before = Instant::now();
    let running = test
        .engine
        .submit(vec![request(1.0, 4, 2, &[])], distant_deadline())
        .unwrap();
    gate.batch_started().await;
    let waiting = test
        .engine
        .submit(vec![request(2.0, 4, 2, &[])], distant_deadline())
        .unwrap();
    gate.release();
    let (_, first) = running.outcomes().await.unwrap();
    gate.batch_started().await;
    gate.release();
    let (_, second) = waiting.outcomes().await.unwrap();
    let total = before.elapsed();
    for timing in [first, second] {
        assert!(
            timing.queue + timing.inference <= total,
            "{timing:?} {total:?}"
        );
        assert!(timing.inference > Duration::ZERO);
    }
    test.check_metric("almanac_engine_queue_seconds", 2.0);
    test.check_metric("almanac_engine_inference_seconds", 2.0);
}
