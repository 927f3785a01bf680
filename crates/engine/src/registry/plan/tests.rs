//! The plan of a model in different situations.

use proptest::prelude::*;

use super::*;
use crate::registry::route::Share;

/// Parses keys written as `SOURCE:VERSION:REVISION`, separated by spaces.
fn keys(text: &str) -> Vec<VersionKey> {
    let key = |text: &str| {
        let mut parts = text.split(':').map(str::to_owned);
        VersionKey {
            source: parts.next().unwrap().parse().unwrap(),
            version: parts.next().unwrap(),
            revision: parts.next().unwrap(),
        }
    };
    text.split_whitespace().map(key).collect()
}

fn text(keys: &[VersionKey]) -> String {
    let texts: Vec<_> = keys
        .iter()
        .map(|key| format!("{}:{}:{}", key.source, key.version, key.revision))
        .collect();
    texts.join(" ")
}

/// A situation, with keys written as text. Fields that a test does not set are empty.
#[derive(Default)]
struct Situation {
    available: &'static str,
    loaded: &'static str,
    stable: &'static str,
    failed: &'static str,
    retry_later: &'static str,
    evicted: &'static str,
    route: Route,
    extra_versions: &'static [&'static str],
}

impl Situation {
    fn plan(&self) -> ModelPlan {
        let [available, loaded, stable, failed, retry_later, evicted] = [
            self.available,
            self.loaded,
            self.stable,
            self.failed,
            self.retry_later,
            self.evicted,
        ]
        .map(keys);
        let input = PlanInput {
            available: &sorted_by_preference(available),
            route: &self.route,
            extra_versions: &self
                .extra_versions
                .iter()
                .map(|version| (*version).to_owned())
                .collect(),
            loaded: &loaded,
            stable: stable.first(),
        };
        plan(input, |key| match key {
            _ if failed.contains(key) => LoadStatus::Failed,
            _ if retry_later.contains(key) => LoadStatus::RetryLater,
            _ if evicted.contains(key) => LoadStatus::Evicted,
            _ => LoadStatus::Loadable,
        })
    }

    /// Checks the version that answers, the versions to load and the versions to keep.
    #[track_caller]
    fn check(&self, stable: &str, load: &str, keep: &str) -> ModelPlan {
        let plan = self.plan();
        let actual = (
            text(plan.stable.as_slice()),
            text(&plan.load),
            text(&plan.keep),
        );
        assert_eq!(
            actual,
            (stable.to_owned(), load.to_owned(), keep.to_owned())
        );
        plan
    }
}

#[test]
fn the_newest_version_of_the_first_source_is_loaded() {
    let situation = Situation {
        available: "1:30:a 0:9:a 0:10:a",
        ..Situation::default()
    };
    situation.check("", "0:10:a", "");
}

#[test]
fn a_new_version_is_loaded_before_it_replaces_the_old_one() {
    let initial = Situation {
        available: "0:1:a 0:2:a",
        loaded: "0:1:a",
        stable: "0:1:a",
        ..Situation::default()
    };
    initial.check("0:1:a", "0:2:a", "0:1:a");
    let loaded = Situation {
        loaded: "0:1:a 0:2:a",
        ..initial
    };
    loaded.check("0:2:a", "", "0:2:a");
}

#[test]
fn a_changed_version_is_loaded_again() {
    let situation = Situation {
        available: "0:1:b",
        loaded: "0:1:a",
        stable: "0:1:a",
        ..Situation::default()
    };
    assert!(!situation.check("0:1:a", "0:1:b", "0:1:a").is_withdrawn);
}

#[test]
fn a_failed_version_is_skipped_until_it_changes() {
    let mut situation = Situation {
        available: "0:1:a 0:2:a 1:5:a",
        failed: "0:2:a",
        ..Situation::default()
    };
    situation.check("", "0:1:a", "");
    situation.failed = "0:2:a 0:1:a";
    situation.check("", "1:5:a", "");
    situation.loaded = "0:1:a";
    situation.stable = "0:1:a";
    situation.failed = "0:2:a";
    situation.check("0:1:a", "", "0:1:a");
    situation.available = "0:1:a 0:2:b";
    situation.check("0:1:a", "0:2:b", "0:1:a");
}

#[test]
fn an_unreadable_version_is_waited_for_unless_no_version_answers() {
    let mut situation = Situation {
        available: "0:1:a 0:2:a",
        retry_later: "0:2:a",
        ..Situation::default()
    };
    situation.check("", "0:1:a", "");
    situation.available = "0:1:b 0:2:a";
    situation.loaded = "0:1:a";
    situation.stable = "0:1:a";
    situation.check("0:1:a", "", "0:1:a");
}

#[test]
fn a_withdrawn_version_answers_until_its_source_has_another() {
    let mut situation = Situation {
        available: "1:9:a",
        loaded: "0:2:a",
        stable: "0:2:a",
        ..Situation::default()
    };
    assert!(situation.check("0:2:a", "", "0:2:a").is_withdrawn);
    // An alias that moved back, or a version that was withdrawn.
    situation.available = "0:1:a 1:9:a";
    situation.check("0:2:a", "0:1:a", "0:2:a");
    situation.loaded = "0:1:a 0:2:a";
    assert!(!situation.check("0:1:a", "", "0:1:a").is_withdrawn);
    situation.loaded = "0:2:a";
    situation.available = "";
    assert!(situation.check("0:2:a", "", "0:2:a").is_withdrawn);
    situation.available = "0:3:a";
    situation.check("0:2:a", "0:3:a", "0:2:a");
}

#[test]
fn a_source_of_higher_precedence_wins_even_with_an_older_version() {
    let situation = Situation {
        available: "0:1:a 1:2:a",
        loaded: "1:2:a",
        stable: "1:2:a",
        ..Situation::default()
    };
    situation.check("1:2:a", "0:1:a", "1:2:a");
}

#[test]
fn a_pinned_version_answers_once_it_is_loaded() {
    let mut situation = Situation {
        available: "0:1:a 0:2:a 0:3:a",
        loaded: "0:3:a",
        stable: "0:3:a",
        route: Route {
            stable: Some("1".to_owned()),
            ..Route::default()
        },
        ..Situation::default()
    };
    situation.check("0:3:a", "0:1:a", "0:3:a");
    situation.loaded = "0:3:a 0:1:a";
    situation.check("0:1:a", "", "0:1:a");
    situation.loaded = "0:3:a";
    situation.failed = "0:1:a";
    situation.check("0:3:a", "", "0:3:a");
}

#[test]
fn a_canary_and_a_shadow_are_loaded_and_do_not_become_stable() {
    let share = |version: &str| {
        let version = version.to_owned();
        Some(Share {
            version,
            share: 0.1,
        })
    };
    let mut situation = Situation {
        available: "0:1:a 0:2:a 0:3:a",
        route: Route {
            stable: None,
            canary: share("3"),
            shadow: share("2"),
        },
        ..Situation::default()
    };
    situation.check("", "0:1:a 0:3:a 0:2:a", "");
    situation.loaded = "0:1:a 0:2:a 0:3:a";
    situation.stable = "0:1:a";
    situation.check("0:1:a", "", "0:1:a 0:2:a 0:3:a");
    // If there is no other version, the canary becomes stable.
    situation.available = "0:3:a";
    situation.loaded = "";
    situation.stable = "";
    situation.check("", "0:3:a", "");
}

#[test]
fn a_changed_extra_version_stays_until_its_successor_is_loaded() {
    let mut situation = Situation {
        available: "0:1:b 0:2:a",
        loaded: "0:1:a 0:2:a",
        stable: "0:2:a",
        extra_versions: &["1"],
        ..Situation::default()
    };
    situation.check("0:2:a", "0:1:b", "0:1:a 0:2:a");
    situation.loaded = "0:1:a 0:2:a 0:1:b";
    situation.check("0:2:a", "", "0:1:b 0:2:a");
}

#[test]
fn an_evicted_version_is_not_loaded_without_a_request() {
    let situation = Situation {
        available: "0:1:a",
        evicted: "0:1:a",
        ..Situation::default()
    };
    assert!(situation.check("", "", "").is_evicted);
}

prop_compose! {
    fn any_keys()(
        keys in proptest::collection::btree_set((0_usize..3, 1_u8..5, 0_u8..2), 0..7),
    ) -> Vec<VersionKey> {
        let key = |(source, version, revision): (usize, u8, u8)| VersionKey {
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
    /// Following the plans ends, whichever loads fail. The stable version is never removed before another
    /// one answers, and no version is loaded that is in memory or has failed.
    #[test]
    fn following_the_plans_ends_and_always_answers(
        available in any_keys(),
        doomed in any_keys(),
        initial in any_keys(),
        route in any_route(),
    ) {
        let available = sorted_by_preference(available);
        let mut stable = initial.first().cloned();
        let mut loaded: Vec<_> = stable.clone().into_iter().collect();
        let mut failed: Vec<VersionKey> = Vec::new();
        for _ in 0..20 {
            let extra_versions = BTreeSet::new();
            let input = PlanInput {
                available: &available,
                route: &route,
                extra_versions: &extra_versions,
                loaded: &loaded,
                stable: stable.as_ref(),
            };
            let plan = plan(input, |key| {
                if failed.contains(key) { LoadStatus::Failed } else { LoadStatus::Loadable }
            });
            prop_assert!(stable.is_none() || plan.stable.is_some());
            prop_assert!(plan.stable.iter().chain(&plan.keep).all(|key| loaded.contains(key)));
            prop_assert!(plan.stable.iter().all(|key| plan.keep.contains(key)));
            prop_assert!(plan.load.iter().all(|key| !loaded.contains(key) && !failed.contains(key)));
            stable = plan.stable;
            loaded.retain(|key| plan.keep.contains(key));
            let Some(next) = plan.load.into_iter().next() else {
                return Ok(());
            };
            if doomed.contains(&next) { failed.push(next) } else { loaded.push(next) }
        }
        prop_assert!(false, "the plans do not end");
    }
}
