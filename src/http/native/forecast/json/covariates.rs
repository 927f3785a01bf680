//! Parsing of the covariates of one series.

use super::Read;
use super::reader::{Fields, Reader};
use almanac_forecast::{Covariate, CovariateValues, ForecastLimits, StaticValue};

/// The kinds of covariates, as fields of `covariates`.
const KINDS: &[&str] = &["past", "future", "static"];

/// Parses `{"past": {name: values}, "future": {name: values}, "static": {name: value}}`; each kind is
/// optional.
pub(super) fn read(reader: &mut Reader<'_>, limits: &ForecastLimits) -> Read<Vec<Covariate>> {
    let mut list = Vec::new();
    let mut kinds = Fields::new(KINDS);
    reader.object(&mut kinds, |reader, kind| {
        reader.optional(|reader| {
            reader.map(|reader, name| {
                let values = match kind {
                    "past" => CovariateValues::Past(reader.values(limits.values)?),
                    "future" => {
                        let most = limits.values.saturating_add(limits.horizon);
                        CovariateValues::Future(reader.values(most)?)
                    }
                    _ => CovariateValues::Static(static_value(reader)?),
                };
                list.push(Covariate { name, values });
                Ok(())
            })
        })?;
        Ok(())
    })?;
    Ok(list)
}

fn static_value(reader: &mut Reader<'_>) -> Read<StaticValue> {
    if reader.at_text()? {
        return Ok(StaticValue::Category(reader.text()?));
    }
    reader
        .single_number("a number or a string")
        .map(StaticValue::Number)
}
