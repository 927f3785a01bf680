use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const LIMITS: ConnectionLimits = ConnectionLimits {
    header: Duration::from_secs(10),
    idle: Duration::from_secs(75),
    write: Duration::from_secs(30),
};

#[derive(Debug, Clone, Copy)]
enum Event {
    Read,
    Begin,
    End,
    BlockWrite,
    Write,
    Drain,
    Close,
}

fn events() -> impl Strategy<Value = Vec<(Event, u64)>> {
    let event = prop_oneof![
        Just(Event::Read),
        Just(Event::Begin),
        Just(Event::End),
        Just(Event::BlockWrite),
        Just(Event::Write),
        Just(Event::Drain),
        Just(Event::Close),
    ];
    vec((event, 0_u64..100_000), 1..40)
}

fn apply(state: &mut ConnectionState, event: Event, now: Instant) {
    match event {
        Event::Read => state.record_read(now),
        Event::Begin => state.n_requests += 1,
        Event::End => {
            if state.n_requests > 0 {
                state.n_requests -= 1;
                state.record_end(now);
            }
        }
        Event::BlockWrite => state.record_blocked_write(now),
        Event::Write => state.record_write(now),
        Event::Drain => state.draining_since = state.draining_since.or(Some(now)),
        Event::Close => state.closing = state.closing.or(Some((now, CloseReason::Idle))),
    }
}

proptest! {
    #[test]
    fn busy_connection_is_dropped_only_for_a_stalled_client(
        events in events(),
        is_http2 in any::<bool>(),
    ) {
        let mut now = Instant::now();
        let mut state = ConnectionState::new(now);
        if is_http2 {
            state.set_protocol(Protocol::Http2, now);
        }
        for (event, wait_ms) in events {
            now += Duration::from_millis(wait_ms);
            apply(&mut state, event, now);
            let (_, action) = state.next_action(LIMITS, now);
            if state.is_busy() {
                prop_assert!(matches!(
                    action,
                    None | Some(
                        TimeoutAction::CloseGracefully(CloseReason::Drain)
                            | TimeoutAction::Drop(CloseReason::WriteTimeout)
                    )
                ));
            }
        }
    }

    #[test]
    fn quiet_connection_has_an_action_within_the_idle_timeout(
        events in events(),
        is_http2 in any::<bool>(),
    ) {
        let mut now = Instant::now();
        let mut state = ConnectionState::new(now);
        if is_http2 {
            state.set_protocol(Protocol::Http2, now);
        }
        for (event, wait_ms) in events {
            now += Duration::from_millis(wait_ms);
            apply(&mut state, event, now);
            let (at, action) = state.next_action(LIMITS, now);
            prop_assert!(at <= now + LIMITS.idle.max(CLOSE_GRACE));
            let is_busy = state.is_busy() || state.write_blocked_since.is_some();
            prop_assert!(action.is_some() || is_busy);
        }
    }

    #[test]
    fn header_timeout_counts_from_the_first_byte(
        waits_ms in vec(0_u64..3_000, 1..40),
    ) {
        let begun_at = Instant::now();
        let mut now = begun_at;
        let mut state = ConnectionState::new(now);
        for wait_ms in waits_ms {
            state.record_read(now);
            prop_assert_eq!(
                state.next_action(LIMITS, now),
                (begun_at + LIMITS.header, Some(TimeoutAction::Drop(CloseReason::HeaderTimeout)))
            );
            now += Duration::from_millis(wait_ms);
        }
    }
}
