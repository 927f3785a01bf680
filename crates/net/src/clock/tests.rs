use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const LIMITS: Limits = Limits {
    header: Duration::from_secs(10),
    idle: Duration::from_secs(75),
    write: Duration::from_secs(30),
};

#[derive(Debug, Clone, Copy)]
enum Event {
    Receive,
    Begin,
    End,
    BlockWrite,
    Write,
    Drain,
    Finish,
}

fn events() -> impl Strategy<Value = Vec<(Event, u64)>> {
    let event = prop_oneof![
        Just(Event::Receive),
        Just(Event::Begin),
        Just(Event::End),
        Just(Event::BlockWrite),
        Just(Event::Write),
        Just(Event::Drain),
        Just(Event::Finish),
    ];
    vec((event, 0_u64..100_000), 1..40)
}

fn apply(state: &mut State, event: Event, now: Instant) {
    match event {
        Event::Receive => state.receive(now),
        Event::Begin => state.n_requests += 1,
        Event::End => {
            if state.n_requests > 0 {
                state.n_requests -= 1;
                state.end_one(now);
            }
        }
        Event::BlockWrite => state.block_write(now),
        Event::Write => state.write(now),
        Event::Drain => state.draining_since = state.draining_since.or(Some(now)),
        Event::Finish => state.finishing = state.finishing.or(Some((now, CloseReason::Idle))),
    }
}

proptest! {
    #[test]
    fn busy_connection_is_cut_by_nothing_but_a_stalled_client(
        events in events(),
        is_http2 in any::<bool>(),
    ) {
        let mut now = Instant::now();
        let mut state = State::new(now);
        if is_http2 {
            state.recognise(Protocol::Http2, now);
        }
        for (event, wait_ms) in events {
            now += Duration::from_millis(wait_ms);
            apply(&mut state, event, now);
            let (_, due) = state.next(LIMITS, now);
            if state.is_busy() {
                prop_assert!(matches!(
                    due,
                    None | Some(Due::Finish(CloseReason::Drain) | Due::Cut(CloseReason::WriteTimeout))
                ));
            }
        }
    }

    #[test]
    fn quiet_connection_is_always_due_within_the_idle_timeout(
        events in events(),
        is_http2 in any::<bool>(),
    ) {
        let mut now = Instant::now();
        let mut state = State::new(now);
        if is_http2 {
            state.recognise(Protocol::Http2, now);
        }
        for (event, wait_ms) in events {
            now += Duration::from_millis(wait_ms);
            apply(&mut state, event, now);
            let (at, due) = state.next(LIMITS, now);
            prop_assert!(at <= now + LIMITS.idle.max(FINISH_GRACE));
            prop_assert!(due.is_some() || state.is_busy() || state.write_blocked_since.is_some());
        }
    }

    #[test]
    fn head_has_its_time_from_the_first_byte_however_many_follow(
        waits_ms in vec(0_u64..3_000, 1..40),
    ) {
        let begun_at = Instant::now();
        let mut now = begun_at;
        let mut state = State::new(now);
        for wait_ms in waits_ms {
            state.receive(now);
            prop_assert_eq!(
                state.next(LIMITS, now),
                (begun_at + LIMITS.header, Some(Due::Cut(CloseReason::HeaderTimeout)))
            );
            now += Duration::from_millis(wait_ms);
        }
    }
}
