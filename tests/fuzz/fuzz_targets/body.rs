//! Parses the JSON body of a forecast. The limits hold, whatever the body says.

#![no_main]

use almanac::http::parse_forecast;
use almanac_forecast::ForecastLimits;
use libfuzzer_sys::fuzz_target;

const LIMITS: ForecastLimits = ForecastLimits {
    series: 8,
    values: 64,
    horizon: 16,
    levels: 4,
    covariates: 4,
};

fuzz_target!(|bytes: &[u8]| {
    for allow_nan in [false, true] {
        if let Ok(call) = parse_forecast(bytes, allow_nan, &LIMITS) {
            assert!(call.series.len() <= LIMITS.series);
            for series in call.series {
                assert!(series.draft.map_or(0, |draft| draft.values.len()) <= LIMITS.values);
            }
        }
    }
});
