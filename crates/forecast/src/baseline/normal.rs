//! Quantiles of the standard normal distribution.

use crate::QuantileLevel;

/// Returns the quantile of the standard normal distribution at `level`, to about seven digits, by routine
/// PPND7 of algorithm AS 241 (Wichura, "The percentage points of the normal distribution", 1988).
pub(super) fn quantile(level: QuantileLevel) -> f64 {
    let level = level.value();
    let from_median = level - 0.5;
    if from_median.abs() <= 0.425 {
        let rest = 0.180_625 - from_median * from_median;
        let numerator = [
            3.387_132_717_9,
            50.434_271_938,
            159.291_132_02,
            59.109_374_72,
        ];
        let denominator = [1.0, 17.895_169_469, 78.757_757_664, 67.187_563_6];
        return from_median * polynomial(&numerator, rest) / polynomial(&denominator, rest);
    }
    let tail = (-level.min(1.0 - level).ln()).sqrt();
    let size = if tail <= 5.0 {
        let rest = tail - 1.6;
        let numerator = [
            1.423_437_277_7,
            2.756_815_39,
            1.306_728_481_6,
            0.170_238_211_03,
        ];
        let denominator = [1.0, 0.737_001_642_5, 0.120_211_329_75];
        polynomial(&numerator, rest) / polynomial(&denominator, rest)
    } else {
        let rest = tail - 5.0;
        let numerator = [
            6.657_905_115,
            3.081_226_386,
            0.428_682_943_37,
            0.017_337_203_997,
        ];
        let denominator = [1.0, 0.241_978_942_25, 0.012_258_202_635];
        polynomial(&numerator, rest) / polynomial(&denominator, rest)
    };
    size.copysign(from_median)
}

/// Evaluates the polynomial with these coefficients, the constant first.
fn polynomial(coefficients: &[f64], at: f64) -> f64 {
    coefficients
        .iter()
        .rev()
        .fold(0.0, |sum, coefficient| sum * at + coefficient)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_a_double_precision_routine() {
        // The expected values are those of Python's `statistics.NormalDist().inv_cdf`.
        let expected = [
            (0.5, 0.0),
            (0.1, -1.281_551_565_544_600_4),
            (0.9, 1.281_551_565_544_600_4),
            (0.075, -1.439_531_470_938_456),
            (0.975, 1.959_963_984_540_054),
            (0.999, 3.090_232_306_167_813_5),
            (1e-12, -7.034_483_825_301_131),
        ];
        for (level, expected) in expected {
            let quantile = quantile(QuantileLevel::new(level).unwrap());
            let is_close = (quantile - expected).abs() <= 2e-6 * expected.abs();
            assert!(is_close, "{level}: {quantile} {expected}");
        }
    }
}
