//! What is done with one model in every situation.

use proptest::prelude::*;

use super::*;
use crate::registry::route::Share;

/// `SOURCE:VERSION:REVISION`, separated by spaces.
fn keys(text: &str) -> Vec<Key> {
    let key = |text: &str| {
        let mut parts = text.split(':').map(str::to_owned);
        Key {
            source: parts.next().unwrap().parse().unwrap(),
            version: parts.next().unwrap(),
            revision: parts.next().unwrap(),
        }
    };
    text.split_whitespace().map(key).collect()
}

fn text(keys: &[Key]) -> String {
    let texts: Vec<_> = keys
        .iter()
        .map(|key| format!("{}:{}:{}", key.source, key.version, key.revision))
        .collect();
    texts.join(" ")
}

/// One situation; what is not said is empty.
#[derive(Default)]
struct Case {
    held: &'static str,
    live: &'static str,
    stable: &'static str,
    failed: &'static str,
    later: &'static str,
    asleep: &'static str,
    route: Route,
    also: &'static [&'static str],
}

impl Case {
    fn plan(&self) -> Plan {
        let [held, live, stable, failed, later, asleep] = [
            self.held,
            self.live,
            self.stable,
            self.failed,
            self.later,
            self.asleep,
        ]
        .map(keys);
        let view = View {
            held: &preferred(held),
            route: &self.route,
            also: &self
                .also
                .iter()
                .map(|version| (*version).to_owned())
                .collect(),
            live: &live,
            stable: stable.first(),
        };
        plan(view, |key| match key {
            _ if failed.contains(key) => Standing::Failed,
            _ if later.contains(key) => Standing::Later,
            _ if asleep.contains(key) => Standing::Asleep,
            _ => Standing::Loadable,
        })
    }

    /// Checks what answers, what is loaded, and what is kept.
    #[track_caller]
    fn gives(&self, stable: &str, load: &str, keep: &str) -> Plan {
        let plan = self.plan();
        let told = (
            text(plan.stable.as_slice()),
            text(&plan.load),
            text(&plan.keep),
        );
        assert_eq!(told, (stable.to_owned(), load.to_owned(), keep.to_owned()));
        plan
    }
}

#[test]
fn the_newest_version_of_the_first_source_is_loaded() {
    let case = Case {
        held: "1:30:a 0:9:a 0:10:a",
        ..Case::default()
    };
    case.gives("", "0:10:a", "");
}

#[test]
fn a_new_version_is_loaded_beside_the_old_one_and_then_replaces_it() {
    let before = Case {
        held: "0:1:a 0:2:a",
        live: "0:1:a",
        stable: "0:1:a",
        ..Case::default()
    };
    before.gives("0:1:a", "0:2:a", "0:1:a");
    let after = Case {
        live: "0:1:a 0:2:a",
        ..before
    };
    after.gives("0:2:a", "", "0:2:a");
}

#[test]
fn a_changed_version_is_loaded_again() {
    let case = Case {
        held: "0:1:b",
        live: "0:1:a",
        stable: "0:1:a",
        ..Case::default()
    };
    assert!(!case.gives("0:1:a", "0:1:b", "0:1:a").has_vanished);
}

#[test]
fn a_failed_version_gives_way_and_is_not_tried_again_before_it_changes() {
    let mut case = Case {
        held: "0:1:a 0:2:a 1:5:a",
        failed: "0:2:a",
        ..Case::default()
    };
    case.gives("", "0:1:a", "");
    case.failed = "0:2:a 0:1:a";
    case.gives("", "1:5:a", "");
    case.live = "0:1:a";
    case.stable = "0:1:a";
    case.failed = "0:2:a";
    case.gives("0:1:a", "", "0:1:a");
    case.held = "0:1:a 0:2:b";
    case.gives("0:1:a", "0:2:b", "0:1:a");
}

#[test]
fn what_cannot_be_read_now_is_waited_for_unless_nothing_answers() {
    let mut case = Case {
        held: "0:1:a 0:2:a",
        later: "0:2:a",
        ..Case::default()
    };
    case.gives("", "0:1:a", "");
    case.held = "0:1:b 0:2:a";
    case.live = "0:1:a";
    case.stable = "0:1:a";
    case.gives("0:1:a", "", "0:1:a");
}

#[test]
fn what_vanishes_goes_on_until_its_source_has_another() {
    let mut case = Case {
        held: "1:9:a",
        live: "0:2:a",
        stable: "0:2:a",
        ..Case::default()
    };
    assert!(case.gives("0:2:a", "", "0:2:a").has_vanished);
    // An alias that moved back, or a version that was withdrawn.
    case.held = "0:1:a 1:9:a";
    case.gives("0:2:a", "0:1:a", "0:2:a");
    case.live = "0:1:a 0:2:a";
    assert!(!case.gives("0:1:a", "", "0:1:a").has_vanished);
    case.live = "0:2:a";
    case.held = "";
    assert!(case.gives("0:2:a", "", "0:2:a").has_vanished);
    case.held = "0:3:a";
    case.gives("0:2:a", "0:3:a", "0:2:a");
}

#[test]
fn a_source_of_precedence_takes_over_even_with_an_older_version() {
    let case = Case {
        held: "0:1:a 1:2:a",
        live: "1:2:a",
        stable: "1:2:a",
        ..Case::default()
    };
    case.gives("1:2:a", "0:1:a", "1:2:a");
}

#[test]
fn a_pinned_version_answers_and_what_answers_goes_on_until_it_is_loaded() {
    let mut case = Case {
        held: "0:1:a 0:2:a 0:3:a",
        live: "0:3:a",
        stable: "0:3:a",
        route: Route {
            stable: Some("1".to_owned()),
            ..Route::default()
        },
        ..Case::default()
    };
    case.gives("0:3:a", "0:1:a", "0:3:a");
    case.live = "0:3:a 0:1:a";
    case.gives("0:1:a", "", "0:1:a");
    case.live = "0:3:a";
    case.failed = "0:1:a";
    case.gives("0:3:a", "", "0:3:a");
}

#[test]
fn a_canary_and_a_shadow_are_loaded_and_do_not_answer_for_all() {
    let share = |version: &str| {
        let version = version.to_owned();
        Some(Share {
            version,
            share: 0.1,
        })
    };
    let mut case = Case {
        held: "0:1:a 0:2:a 0:3:a",
        route: Route {
            stable: None,
            canary: share("3"),
            shadow: share("2"),
        },
        ..Case::default()
    };
    case.gives("", "0:1:a 0:3:a 0:2:a", "");
    case.live = "0:1:a 0:2:a 0:3:a";
    case.stable = "0:1:a";
    case.gives("0:1:a", "", "0:1:a 0:2:a 0:3:a");
    // Where there is nothing else, the canary answers for all.
    case.held = "0:3:a";
    case.live = "";
    case.stable = "";
    case.gives("", "0:3:a", "");
}

#[test]
fn a_changed_version_beside_stays_until_its_successor_is_loaded() {
    let mut case = Case {
        held: "0:1:b 0:2:a",
        live: "0:1:a 0:2:a",
        stable: "0:2:a",
        also: &["1"],
        ..Case::default()
    };
    case.gives("0:2:a", "0:1:b", "0:1:a 0:2:a");
    case.live = "0:1:a 0:2:a 0:1:b";
    case.gives("0:2:a", "", "0:1:b 0:2:a");
}

#[test]
fn what_was_left_out_of_memory_is_not_loaded_by_itself() {
    let case = Case {
        held: "0:1:a",
        asleep: "0:1:a",
        ..Case::default()
    };
    assert!(case.gives("", "", "").is_asleep);
}

prop_compose! {
    fn any_keys()(
        keys in proptest::collection::btree_set((0_usize..3, 1_u8..5, 0_u8..2), 0..7),
    ) -> Vec<Key> {
        let key = |(source, version, revision): (usize, u8, u8)| Key {
            source,
            version: version.to_string(),
            revision: revision.to_string(),
        };
        keys.into_iter().map(key).collect()
    }
}

fn any_route() -> impl Strategy<Value = Route> {
    let version = || proptest::option::of((1_u8..5).prop_map(|version| version.to_string()));
    (version(), version(), version()).prop_map(|(stable, canary, shadow)| {
        let share = |version| Share {
            version,
            share: 0.5,
        };
        Route {
            stable,
            canary: canary.map(share),
            shadow: shadow.map(share),
        }
    })
}

proptest! {
    /// Loading one thing after the other, whatever fails, comes to an end; what answers is never
    /// taken away before another answers, and nothing is loaded that is live or has failed.
    #[test]
    fn following_the_plan_ends_and_always_answers(
        held in any_keys(),
        doomed in any_keys(),
        before in any_keys(),
        route in any_route(),
    ) {
        let held = preferred(held);
        let mut stable = before.first().cloned();
        let mut live: Vec<_> = stable.clone().into_iter().collect();
        let mut failed: Vec<Key> = Vec::new();
        for _ in 0..20 {
            let also = BTreeSet::new();
            let view = View {
                held: &held,
                route: &route,
                also: &also,
                live: &live,
                stable: stable.as_ref(),
            };
            let plan = plan(view, |key| {
                if failed.contains(key) { Standing::Failed } else { Standing::Loadable }
            });
            prop_assert!(stable.is_none() || plan.stable.is_some());
            prop_assert!(plan.stable.iter().chain(&plan.keep).all(|key| live.contains(key)));
            prop_assert!(plan.stable.iter().all(|key| plan.keep.contains(key)));
            prop_assert!(plan.load.iter().all(|key| !live.contains(key) && !failed.contains(key)));
            stable = plan.stable;
            live.retain(|key| plan.keep.contains(key));
            let Some(next) = plan.load.into_iter().next() else {
                return Ok(());
            };
            if doomed.contains(&next) { failed.push(next) } else { live.push(next) }
        }
        prop_assert!(false, "it does not end");
    }
}
