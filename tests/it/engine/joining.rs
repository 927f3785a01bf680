//! Workers that join an engine after its start.

use crate::engine::{EngineTest, LARGE_LIMITS, distant_deadline, request};
use crate::support::scripted::Scripted;

#[tokio::test]
async fn a_worker_that_joins_runs_waiting_rows() {
    let (gated, mut gate) = Scripted::gated();
    let mut test = EngineTest::start(vec![gated], LARGE_LIMITS);
    let crew = test.engine.reserve_workers(1);
    assert_eq!(test.engine.workers(), 2);
    let first = vec![request(1.0, 10, 1, &[])];
    let first = test.engine.submit(first, distant_deadline()).unwrap();
    gate.batch_started().await;
    let second = vec![request(2.0, 10, 1, &[])];
    let second = test.engine.submit(second, distant_deadline()).unwrap();

    crew.join(Scripted::last_value().boxed()).unwrap();
    assert!(second.outcomes().await.unwrap().0[0].is_ok());
    gate.release();
    assert!(first.outcomes().await.unwrap().0[0].is_ok());
}

#[tokio::test]
async fn a_dropped_engine_ends_once_no_more_workers_can_join() {
    let mut test = EngineTest::start(vec![Scripted::last_value()], LARGE_LIMITS);
    let crew = test.engine.reserve_workers(2);
    let threads = test.engine.threads();
    drop(test);
    crew.join(Scripted::last_value().boxed()).unwrap();
    drop(crew);
    threads.ended().await;
}
