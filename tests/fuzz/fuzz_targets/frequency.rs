//! Parses frequencies. A frequency that is accepted is written in a form that is accepted again, and
//! means the same.

#![no_main]

use almanac_forecast::Frequency;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(frequency) = text.parse::<Frequency>() {
        let written = frequency.to_string();
        assert_eq!(
            written.parse::<Frequency>().ok(),
            Some(frequency),
            "{written}"
        );
    }
});
