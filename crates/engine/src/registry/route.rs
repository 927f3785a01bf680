//! The route of a model: the version that answers a request which names no version.

use almanac_model::Digest;

/// The roles of the versions of a model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Route {
    /// The version that answers. `None` means the newest version that is neither canary nor shadow.
    pub stable: Option<String>,
    /// The version that answers a share of the requests instead of the stable one.
    pub canary: Option<Share>,
    /// The version that is run on a share of the requests that the stable version answered, for comparison.
    pub shadow: Option<Share>,
}

/// A version and its share of the requests.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    /// The version.
    pub version: String,
    /// The share, from 0 to 1.
    pub share: f64,
}

/// The way in which requests are assigned to a share: at random, or consistently by a key.
#[derive(Clone, Copy, Debug)]
pub enum Draw<'a> {
    /// At random.
    Random,
    /// By this key, so that all requests with the same key are assigned alike.
    Sticky(&'a [u8]),
}

impl Route {
    /// Returns every version that the route names.
    pub fn versions(&self) -> impl Iterator<Item = &str> {
        self.stable
            .as_deref()
            .into_iter()
            .chain(self.shares().map(|share| share.version.as_str()))
    }

    /// Returns true if `version` is the canary or the shadow.
    #[must_use]
    pub fn shares_with(&self, version: &str) -> bool {
        self.shares().any(|share| share.version == version)
    }

    /// Returns the canary and the shadow, as far as they are configured.
    pub(super) fn shares(&self) -> impl Iterator<Item = &Share> {
        self.canary.iter().chain(&self.shadow)
    }
}

impl Draw<'_> {
    /// Returns true if a request to `model` is assigned to `share` of the requests. A key that is assigned
    /// to a share is also assigned to every larger share.
    #[must_use]
    pub fn is_among(self, share: f64, model: &str) -> bool {
        let position = match self {
            Self::Random => rand::random::<f64>(),
            Self::Sticky(key) => position(model, key),
        };
        position < share
    }
}

/// Returns the position of `key` in [0, 1). Positions are evenly distributed: they are the first 8 bytes
/// of a SHA-256, which is the same in every replica and every release.
fn position(model: &str, key: &[u8]) -> f64 {
    let hash = Digest::of(&[model.as_bytes(), &[0], key].concat());
    let number = hash
        .bytes()
        .iter()
        .take(8)
        .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    // A double represents 53 bits exactly, so 1 is never reached.
    (number >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_key_stays_in_every_larger_share(
            key in proptest::collection::vec(any::<u8>(), 0..40),
            mut shares in proptest::array::uniform2(0.0_f64..=1.0),
        ) {
            shares.sort_by(f64::total_cmp);
            let draw = Draw::Sticky(&key);
            let [few, many] = shares.map(|share| draw.is_among(share, "m"));
            prop_assert_eq!(few, draw.is_among(shares[0], "m"));
            prop_assert!(!few || many);
            prop_assert!(!draw.is_among(0.0, "m") && draw.is_among(1.0, "m"));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn sticky_and_random_assignment_match_the_share(share in 0.0_f64..=1.0) {
            const DRAWS: usize = 4_000;
            let sticky = (0..DRAWS)
                .map(|key| key.to_string())
                .filter(|key| Draw::Sticky(key.as_bytes()).is_among(share, "m"));
            let random = (0..DRAWS).filter(|_| Draw::Random.is_among(share, "m"));
            // More than six standard deviations of the widest share.
            for count in [sticky.count(), random.count()] {
                prop_assert!((count as f64 / DRAWS as f64 - share).abs() < 0.05, "{count} {share}");
            }
        }
    }

    #[test]
    fn the_position_of_a_key_is_the_same_in_every_release() {
        let positions = ["store-1", "store-2"].map(|key| position("airline", key.as_bytes()));
        assert_eq!(
            positions.map(|position| format!("{position:.6}")),
            ["0.918047", "0.677952"]
        );
    }
}
