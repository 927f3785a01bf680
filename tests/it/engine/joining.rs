//! Workers that join an engine after its start.

use crate::engine::{ROOMY, Tested, far, request};
use crate::support::scripted::Scripted;

#[tokio::test]
async fn what_waits_is_run_by_a_worker_that_joins() {
    let (gated, mut gate) = Scripted::gated();
    let mut tested = Tested::start(vec![gated], ROOMY);
    let crew = tested.engine.expect(1);
    assert_eq!(tested.engine.workers(), 2);
    let first = vec![request(1.0, 10, 1, &[])];
    let first = tested.engine.submit(first, far()).unwrap();
    gate.begun().await;
    let second = vec![request(2.0, 10, 1, &[])];
    let second = tested.engine.submit(second, far()).unwrap();

    crew.join(Scripted::last_value().boxed()).unwrap();
    assert!(second.outcomes().await.unwrap().0[0].is_ok());
    gate.release();
    assert!(first.outcomes().await.unwrap().0[0].is_ok());
}

#[tokio::test]
async fn an_engine_that_was_dropped_ends_with_the_last_that_might_join() {
    let mut tested = Tested::start(vec![Scripted::last_value()], ROOMY);
    let crew = tested.engine.expect(2);
    let threads = tested.engine.threads();
    drop(tested);
    crew.join(Scripted::last_value().boxed()).unwrap();
    drop(crew);
    threads.ended().await;
}
