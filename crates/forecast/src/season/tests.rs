mod reference;

use proptest::prelude::*;

use super::detect_season_length;

/// Box and Jenkins (1976), series G: monthly airline passengers in thousands, 1949 to 1954.
const PASSENGERS: [f64; 72] = [
    112., 118., 132., 129., 121., 135., 148., 148., 136., 119., 104., 118., 115., 126., 141., 135.,
    125., 149., 170., 170., 158., 133., 114., 140., 145., 150., 178., 163., 172., 178., 199., 199.,
    184., 162., 146., 166., 171., 180., 193., 181., 183., 218., 230., 242., 209., 191., 172., 194.,
    196., 196., 236., 235., 229., 243., 264., 272., 237., 211., 180., 201., 204., 188., 235., 227.,
    234., 264., 302., 293., 259., 229., 203., 229.,
];

/// A seeded random number generator: `SplitMix64` (Steele, Lea and Flood 2014) with the Box-Muller
/// transform.
struct Noise(u64);

impl Noise {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.uniform().max(f64::MIN_POSITIVE).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

/// Returns a season of the given shape, with a trend and noise.
fn seasonal(length: usize, cycles: usize, shape: fn(f64) -> f64, seed: u64) -> Vec<f64> {
    let mut noise = Noise(seed);
    let season: Vec<f64> = (0..length)
        .map(|step| shape(step as f64 / length as f64))
        .collect();
    season
        .iter()
        .cycle()
        .take(length * cycles)
        .enumerate()
        .map(|(step, value)| value + 0.05 * step as f64 + 0.5 * noise.normal())
        .collect()
}

/// Asserts that the expected season length is detected in at least 95 percent of seeded series.
#[track_caller]
fn check(expected: usize, series: impl Fn(u64) -> Vec<f64>) {
    let detected: Vec<usize> = (0..60)
        .map(|seed| detect_season_length(&series(seed * 7919), 60))
        .collect();
    let hits = detected
        .iter()
        .filter(|length| **length == expected)
        .count();
    assert!(
        100 * hits >= 95 * detected.len(),
        "{hits} have season {expected}: {detected:?}"
    );
}

#[test]
fn detects_seasons_under_trend_and_noise() {
    for length in [4, 7, 12, 24, 48] {
        let cycles = if length < 7 { 16 } else { 9 };
        check(length, |seed| {
            seasonal(length, cycles, |phase| 3.4 * phase, seed)
        });
        check(length, |seed| {
            seasonal(
                length,
                cycles,
                |phase| 1.4 * (std::f64::consts::TAU * phase).sin(),
                seed,
            )
        });
        check(length, |seed| {
            seasonal(
                length,
                cycles,
                |phase| if phase < 1.0 / 7.0 { 3.0 } else { 0.0 },
                seed,
            )
        });
    }
}

#[test]
fn detects_seasons_with_missing_values() {
    check(12, |seed| {
        let mut noise = Noise(seed);
        let mut values = seasonal(
            12,
            10,
            |phase| 1.4 * (std::f64::consts::TAU * phase).sin(),
            seed,
        );
        for value in &mut values {
            if noise.uniform() < 0.2 {
                *value = f64::NAN;
            }
        }
        values
    });
}

#[test]
fn detects_seasons_on_a_random_walk() {
    check(7, |seed| {
        let (mut noise, mut level) = (Noise(seed), 0.0);
        let season = seasonal(7, 20, |phase| if phase > 0.7 { 4.0 } else { 0.0 }, seed);
        let step = |value: &f64| {
            level += 0.5 * noise.normal();
            value + level
        };
        season.iter().map(step).collect()
    });
}

#[test]
fn noise_has_no_season() {
    for count in [10, 30, 100, 300] {
        check(1, |seed| {
            let mut noise = Noise(seed);
            (0..count).map(|_| noise.normal()).collect()
        });
    }
}

#[test]
fn random_walks_have_no_season() {
    for (count, drift, memory) in [
        (30, 0.0, 1.0),
        (100, 0.0, 1.0),
        (300, 0.3, 1.0),
        (200, 0.0, 0.8),
    ] {
        check(1, |seed| {
            let (mut noise, mut level) = (Noise(seed), 0.0);
            let step = |_| {
                level = memory * level + drift + noise.normal();
                level
            };
            (0..count).map(step).collect()
        });
    }
}

#[test]
fn rare_events_have_no_season() {
    check(1, |seed| {
        let mut noise = Noise(seed);
        (0..200)
            .map(|_| {
                if noise.uniform() < 0.1 {
                    1.0 + noise.uniform()
                } else {
                    0.0
                }
            })
            .collect()
    });
}

#[test]
fn constants_and_lines_have_no_season() {
    for values in [
        vec![5.0; 50],
        vec![0.0; 50],
        (0..50).map(f64::from).collect(),
        vec![f64::NAN; 50],
    ] {
        assert_eq!(detect_season_length(&values, 25), 1);
    }
    assert_eq!(detect_season_length(&[], 25), 1);
    assert_eq!(detect_season_length(&[1.0, 2.0, 1.0], 25), 1);
}

#[test]
fn exact_seasons_are_not_confused_with_their_multiples() {
    for length in [2, 3, 4, 7, 12, 13, 24, 47, 48] {
        let values: Vec<f64> = (0..length * 5)
            .map(|step| ((step % length) as f64).sqrt())
            .collect();
        assert_eq!(detect_season_length(&values, 336), length);
    }
    let orders: Vec<f64> = (0..60)
        .map(|day| if day % 7 == 3 { 40.0 } else { 0.0 })
        .collect();
    assert_eq!(detect_season_length(&orders, 30), 7);
}

#[test]
fn detects_the_year_in_airline_passengers() {
    for count in [36, 48, 60, 72] {
        assert_eq!(
            detect_season_length(&PASSENGERS[..count], 36),
            12,
            "of {count}"
        );
    }
}

#[test]
fn the_scale_does_not_matter() {
    for scale in [1e-300, 1e-30, -1.0, 1e30, 1e300] {
        let values = PASSENGERS.map(|value| value * scale);
        assert_eq!(detect_season_length(&values, 36), 12);
    }
}

proptest! {
    #[test]
    fn the_length_is_within_bounds(
        values in prop::collection::vec(
            prop_oneof![any::<f64>(), Just(f64::NAN), -1.0..1.0],
            0..200,
        ),
        longest in 0_usize..400,
    ) {
        let length = detect_season_length(&values, longest);
        prop_assert!(length >= 1);
        prop_assert!(length == 1 || (length <= longest && 2 * length <= values.len()));
    }
}

/// The shapes of series on which detection is compared with the reference implementation.
#[derive(Clone, Copy, Debug)]
enum SeriesShape {
    Noise,
    Walk,
    Autoregression,
    Season,
    SeasonOnWalk,
    ExactSeason,
    Counts,
    Events,
    HeavyTails,
}

/// Returns a series of a shape, with a trend and a share of missing values.
fn series_of(shape: SeriesShape, count: usize, length: usize, missing: f64, seed: u64) -> Vec<f64> {
    let mut noise = Noise(seed);
    let strength = 2.0 * noise.uniform();
    let season: Vec<f64> = (0..length).map(|_| strength * noise.normal()).collect();
    let slope = 0.02 * noise.normal();
    let mut level = 0.0;
    let value = |step: usize| {
        let seasonal = season[step % length];
        let shock = noise.normal();
        let value = match shape {
            SeriesShape::Noise => shock,
            SeriesShape::Walk => {
                level += shock;
                level
            }
            SeriesShape::Autoregression => {
                level = 0.8 * level + shock;
                level
            }
            SeriesShape::Season => seasonal + shock + slope * step as f64,
            SeriesShape::SeasonOnWalk => {
                level += shock;
                seasonal + level
            }
            SeriesShape::ExactSeason => seasonal + slope * step as f64,
            SeriesShape::Counts => (seasonal + shock).exp().floor(),
            SeriesShape::Events if noise.uniform() < 0.1 || step % length == 3 => shock,
            SeriesShape::Events => 0.0,
            SeriesShape::HeavyTails => seasonal + shock / noise.uniform().max(1e-3),
        };
        if noise.uniform() < missing {
            f64::NAN
        } else {
            value
        }
    };
    (0..count).map(value).collect()
}

proptest! {
    #[test]
    fn detection_agrees_with_the_reference_implementation(
        shape in prop::sample::select(vec![
            SeriesShape::Noise,
            SeriesShape::Walk,
            SeriesShape::Autoregression,
            SeriesShape::Season,
            SeriesShape::SeasonOnWalk,
            SeriesShape::ExactSeason,
            SeriesShape::Counts,
            SeriesShape::Events,
            SeriesShape::HeavyTails,
        ]),
        count in 0_usize..260,
        length in 2_usize..60,
        missing in prop_oneof![3 => Just(0.0), 1 => 0.0..0.4],
        longest in 2_usize..140,
        seed: u64,
    ) {
        let values = series_of(shape, count, length, missing, seed);
        prop_assert_eq!(
            detect_season_length(&values, longest),
            reference::detect_season_length(&values, longest)
        );
    }
}
