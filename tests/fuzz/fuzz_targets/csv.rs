//! Reads tables. The limits hold, whatever the table says.

#![no_main]

use almanac_forecast::ForecastLimits;
use almanac_frame::{ColumnChoice, read_csv};
use libfuzzer_sys::fuzz_target;

const LIMITS: ForecastLimits = ForecastLimits {
    series: 8,
    values: 64,
    horizon: 16,
    levels: 4,
    covariates: 4,
};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(table) = read_csv(bytes, &ColumnChoice::default(), &LIMITS) {
        assert!(table.series.len() <= LIMITS.series);
        for series in table.series {
            assert!(series.draft.map_or(0, |draft| draft.values.len()) <= LIMITS.values);
        }
    }
});
