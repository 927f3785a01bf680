//! Which version of a model answers a request that names none.

use almanac_model::Digest;

/// Which versions of a model have which part.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Route {
    /// The version that answers; the newest that is no canary and no shadow, when `None`.
    pub stable: Option<String>,
    /// The version that answers a share of the requests in its stead.
    pub canary: Option<Share>,
    /// The version that is run on a share of what the stable one answered, and compared with it.
    pub shadow: Option<Share>,
}

/// A version and its share of the requests.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    /// The version.
    pub version: String,
    /// From 0 to 1.
    pub share: f64,
}

/// Whether a share applies to one request: drawn, or the same for each request with one key.
#[derive(Clone, Copy, Debug)]
pub enum Draw<'a> {
    /// Drawn anew.
    Random,
    /// By this key.
    Sticky(&'a [u8]),
}

impl Route {
    /// Every version that it names.
    pub fn versions(&self) -> impl Iterator<Item = &str> {
        let shares = [&self.canary, &self.shadow].into_iter().flatten();
        let named = shares.map(|share| share.version.as_str());
        self.stable.as_deref().into_iter().chain(named)
    }

    /// Whether it gives `version` a share.
    #[must_use]
    pub fn shares_with(&self, version: &str) -> bool {
        let shares = [&self.canary, &self.shadow].into_iter().flatten();
        let mut shares = shares;
        shares.any(|share| share.version == version)
    }
}

impl Draw<'_> {
    /// Whether a request to `model` is among `share` of them. What is among a share is among every
    /// larger one.
    #[must_use]
    pub fn is_among(self, share: f64, model: &str) -> bool {
        let position = match self {
            Self::Random => rand::random::<f64>(),
            Self::Sticky(key) => position(model, key),
        };
        position < share
    }
}

/// Where `key` lies in [0, 1), spread evenly: the first 8 bytes of a SHA-256, which stays the same in
/// every replica and every release.
fn position(model: &str, key: &[u8]) -> f64 {
    let hash = Digest::of(&[model.as_bytes(), &[0], key].concat());
    let first = hash.bytes().iter().take(8);
    let number = first.fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    // 53 bits are what a double holds exactly, so that 1 is never reached.
    (number >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_key_stays_on_its_side_and_moves_only_to_the_canary(
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
        fn shares_are_kept_by_key_and_by_chance(share in 0.0_f64..=1.0) {
            const DRAWS: usize = 4_000;
            let keys = (0..DRAWS).map(|key| key.to_string());
            let sticky = keys.filter(|key| Draw::Sticky(key.as_bytes()).is_among(share, "m"));
            let drawn = (0..DRAWS).filter(|_| Draw::Random.is_among(share, "m"));
            // Over six standard deviations of the widest share.
            for count in [sticky.count(), drawn.count()] {
                prop_assert!((count as f64 / DRAWS as f64 - share).abs() < 0.05, "{count} {share}");
            }
        }
    }

    #[test]
    fn the_position_of_a_key_never_changes_between_releases() {
        let positions = ["store-1", "store-2"].map(|key| position("airline", key.as_bytes()));
        assert_eq!(
            positions.map(|position| format!("{position:.6}")),
            ["0.918047", "0.677952"]
        );
    }
}
