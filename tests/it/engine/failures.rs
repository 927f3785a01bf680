//! Deadlines, callers that leave, models that fail, and the end.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use almanac_engine::{EngineConfig, EngineError, SeriesFailure, SubmitError};
use almanac_model::{PredictError, RowError, Unfit};
use ndarray::{Array3, s};

use super::{ROOMY, Tested, far, request, until};
use crate::support::scripted::{Scripted, last_value, last_values};

/// The value that the model of a test stumbles over.
const POISON: f64 = 13.0;

#[tokio::test]
async fn rows_past_their_deadline_are_dropped_and_counted() {
    let (held, mut gate) = Scripted::gated();
    let tested = Tested::start(vec![held], ROOMY);
    let running = tested
        .engine
        .submit(vec![request(1.0, 4, 2, &[])], far())
        .unwrap();
    gate.begun().await;
    let rows = vec![request(2.0, 4, 2, &[]), request(3.0, 4, 2, &[])];
    let late = tested.engine.submit(rows, until(Instant::now())).unwrap();
    let next = tested
        .engine
        .submit(vec![request(4.0, 4, 2, &[])], far())
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
    assert_eq!(gate.begun().await, 1);
    let (outcomes, _) = next.outcomes().await.unwrap();
    assert_eq!(outcomes[0].as_ref().unwrap().point(), [4.0; 2]);
    tested.check_metric("almanac_engine_dropped_total", 2.0);
    tested.check_metric("almanac_engine_queue_steps", 0.0);
}

#[tokio::test(start_paused = true)]
async fn a_caller_is_told_when_the_deadline_passes_while_its_row_runs() {
    let (held, mut gate) = Scripted::gated();
    let tested = Tested::start(vec![held], ROOMY);
    let deadline = Instant::now() + Duration::from_secs(5);
    let running = tested
        .engine
        .submit(vec![request(1.0, 4, 2, &[])], until(deadline))
        .unwrap();
    assert_eq!(gate.begun().await, 1);
    assert_eq!(
        running.outcomes().await.unwrap_err(),
        EngineError::DeadlineExceeded
    );
    // From here on the test waits for the worker, which no paused clock does.
    tokio::time::resume();
    gate.release();
    let next = tested
        .engine
        .submit(vec![request(2.0, 4, 2, &[])], far())
        .unwrap();
    gate.release();
    assert_eq!(gate.begun().await, 1);
    assert_eq!(
        next.outcomes().await.unwrap().0[0]
            .as_ref()
            .unwrap()
            .point(),
        [2.0; 2]
    );
}

#[tokio::test]
async fn abandoned_rows_are_dropped_and_make_room() {
    let (held, mut gate) = Scripted::gated();
    // Room for two rows of 4 + 2 steps.
    let config = EngineConfig {
        queue_steps: 12,
        ..ROOMY
    };
    let tested = Tested::start(vec![held], config);
    let submit = |last| tested.engine.submit(vec![request(last, 4, 2, &[])], far());
    let running = submit(1.0).unwrap();
    gate.begun().await;
    let (left, waiting) = (submit(2.0).unwrap(), submit(3.0).unwrap());
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
    tested.check_metric("almanac_engine_refused_total", 1.0);
    drop(left);
    let admitted = submit(5.0).unwrap();
    tested.check_metric("almanac_engine_dropped_total", 1.0);
    tested.check_metric("almanac_engine_queue_steps", 12.0);
    gate.release();
    gate.release();
    for (submission, expected) in [(running, 1.0), (waiting, 3.0), (admitted, 5.0)] {
        let (outcomes, _) = submission.outcomes().await.unwrap();
        assert_eq!(outcomes[0].as_ref().unwrap().point(), [expected; 2]);
    }
}

#[tokio::test]
async fn a_request_over_the_limit_is_admitted_when_nothing_waits() {
    let config = EngineConfig {
        queue_steps: 10,
        batch_steps: 10,
        ..ROOMY
    };
    let tested = Tested::start(vec![Scripted::last_value()], config);
    let rows = (1..=20)
        .map(|last| request(f64::from(last), 60, 48, &[]))
        .collect();
    let (outcomes, _) = tested
        .engine
        .submit(rows, far())
        .unwrap()
        .outcomes()
        .await
        .unwrap();
    for (outcome, last) in outcomes.iter().zip(1..) {
        assert_eq!(outcome.as_ref().unwrap().point(), [f64::from(last); 48]);
    }
}

/// Fails, by `how`, each batch that holds the poison; and tells the size of each batch.
fn poisoned(how: fn() -> Result<Array3<f32>, PredictError>) -> (Scripted, mpsc::Receiver<usize>) {
    let (tell, batches) = mpsc::channel();
    let script = move |batch: &almanac_model::Batch| {
        tell.send(batch.len()).unwrap();
        let poison = |row_idx| (f64::from(last_value(batch, row_idx)) - POISON).abs() < 0.5;
        if (0..batch.len()).any(poison) {
            how()
        } else {
            Ok(last_values(batch))
        }
    };
    (Scripted::new(script), batches)
}

/// Three rows together, of which the second is poison: the others are answered.
async fn check_contained(how: fn() -> Result<Array3<f32>, PredictError>, reason: &str) {
    let (scripted, batches) = poisoned(how);
    let tested = Tested::start(vec![scripted], ROOMY);
    let rows = || {
        vec![
            request(1.0, 4, 2, &[]),
            request(POISON, 9, 5, &[]),
            request(3.0, 4, 2, &[]),
        ]
    };
    for _ in 0..2 {
        let (outcomes, _) = tested
            .engine
            .submit(rows(), far())
            .unwrap()
            .outcomes()
            .await
            .unwrap();
        assert_eq!(outcomes[0].as_ref().unwrap().point(), [1.0; 2]);
        assert_eq!(outcomes[1], Err(SeriesFailure::Model(reason.to_owned())));
        assert_eq!(outcomes[2].as_ref().unwrap().point(), [3.0; 2]);
        // All together, then each alone.
        assert_eq!(batches.try_iter().collect::<Vec<_>>(), [3, 1, 1, 1]);
    }
    tested.check_metric("almanac_engine_failed_total", 2.0);
}

#[tokio::test]
async fn a_failing_batch_is_tried_row_by_row() {
    let how = || Err(PredictError::Runtime("out of memory".into()));
    check_contained(how, "the model failed: out of memory").await;
}

#[tokio::test]
async fn a_panicking_model_fails_its_row_and_not_the_process() {
    check_contained(|| panic!("a panic for a test"), "the model panicked").await;
}

#[tokio::test]
async fn an_answer_of_the_wrong_shape_is_a_failure() {
    for shape in [(0, 3, 5), (1, 2, 5), (1, 3, 4), (2, 3, 5)] {
        let script = move |_: &almanac_model::Batch| Ok(Array3::zeros(shape));
        let tested = Tested::start(vec![Scripted::new(script)], ROOMY);
        let rows = vec![request(1.0, 4, 5, &[])];
        let (outcomes, _) = tested
            .engine
            .submit(rows, far())
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
async fn more_steps_than_asked_are_cut() {
    let script = |batch: &almanac_model::Batch| Ok(Array3::ones((batch.len(), 3, 48)));
    let tested = Tested::start(vec![Scripted::new(script)], ROOMY);
    let rows = vec![request(1.0, 4, 5, &[])];
    let (outcomes, _) = tested
        .engine
        .submit(rows, far())
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
    let tested = Tested::start(vec![Scripted::new(script)], ROOMY);
    // What the third row asks for ends before the infinities.
    let rows = vec![
        request(1.0, 4, 5, &[]),
        request(2.0, 4, 5, &[]),
        request(3.0, 4, 2, &[]),
    ];
    let (outcomes, _) = tested
        .engine
        .submit(rows, far())
        .unwrap()
        .outcomes()
        .await
        .unwrap();
    assert_eq!(outcomes[0].as_ref().unwrap().point(), [1.0; 5]);
    assert_eq!(outcomes[1], Err(SeriesFailure::Row(RowError::NotFinite)));
    assert_eq!(outcomes[2].as_ref().unwrap().point(), [3.0; 2]);
}

#[tokio::test]
async fn rows_that_do_not_fit_the_model_are_told_without_running() {
    let tested = Tested::start(vec![Scripted::failing("must not run")], ROOMY);
    let rows = vec![request(1.0, 1, 2, &[])];
    let (outcomes, timing) = tested
        .engine
        .submit(rows, far())
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
async fn closing_finishes_what_waits() {
    let (held, mut gate) = Scripted::gated();
    let Tested { engine, .. } = Tested::start(vec![held], ROOMY);
    let submit = |last| {
        engine
            .submit(vec![request(last, 4, 2, &[])], far())
            .unwrap()
    };
    let running = submit(1.0);
    gate.begun().await;
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
async fn time_is_told_from_admission_to_the_first_batch_and_from_there_to_the_last() {
    let (held, mut gate) = Scripted::gated();
    let tested = Tested::start(vec![held], ROOMY);
    let before = Instant::now();
    let running = tested
        .engine
        .submit(vec![request(1.0, 4, 2, &[])], far())
        .unwrap();
    gate.begun().await;
    let waiting = tested
        .engine
        .submit(vec![request(2.0, 4, 2, &[])], far())
        .unwrap();
    gate.release();
    let (_, first) = running.outcomes().await.unwrap();
    gate.begun().await;
    gate.release();
    let (_, second) = waiting.outcomes().await.unwrap();
    let all = before.elapsed();
    for timing in [first, second] {
        assert!(timing.queue + timing.inference <= all, "{timing:?} {all:?}");
        assert!(timing.inference > Duration::ZERO);
    }
    tested.check_metric("almanac_engine_queue_seconds", 2.0);
    tested.check_metric("almanac_engine_inference_seconds", 2.0);
}
