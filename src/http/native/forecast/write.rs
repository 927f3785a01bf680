//! The formats of the response to `POST /forecast`.

use std::fmt::Display;
use std::io;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, header};

use almanac_frame::{ForecastColumns, ForecastWriter};

use crate::call::{CallCode, FailedSeries, ForecastOutcome};
use crate::http::native::forecast::answer::{ForecastAnswer, ModelReference, SeriesAnswer};
use crate::http::negotiation::preferred;
use crate::http::problem::Problem;

/// The formats of the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ForecastFormat {
    /// `application/json`.
    Json,
    /// `text/csv`.
    Csv,
}

/// The size in JSON of a timestamp with a zone, and of a number with seven digits: a buffer that is too
/// small is reallocated and copied, and may be large.
const STAMP_BYTES: usize = 28;
const NUMBER_BYTES: usize = 12;

impl ForecastFormat {
    const ALL: [Self; 2] = [Self::Json, Self::Csv];

    const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv",
        }
    }

    /// Returns the format that `headers` prefer; JSON by default.
    ///
    /// # Errors
    /// [`Code::NotAcceptable`](crate::http::problem::Code::NotAcceptable) lists what is written.
    pub(crate) fn preferred(headers: &HeaderMap) -> Result<Self, Problem> {
        preferred(headers, Self::ALL, Self::media_type)
    }

    /// Writes `outcome` in this format.
    ///
    /// # Errors
    /// [`CallCode::Internal`] when it cannot be serialized, which does not happen for these types.
    pub(crate) fn write(self, outcome: ForecastOutcome) -> Result<Response<Body>, Problem> {
        let body = match self {
            Self::Json => {
                let mut body = Vec::new();
                json(&outcome, &mut body).map_err(internal)?;
                body
            }
            Self::Csv => csv(outcome).map_err(internal)?,
        };
        let mut response = Response::new(Body::from(body));
        let media_type = HeaderValue::from_static(self.media_type());
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, media_type);
        Ok(response)
    }
}

fn internal(error: impl Display) -> Problem {
    Problem::new(CallCode::Internal, error.to_string())
}

/// Appends `outcome` to `body` as JSON.
///
/// # Errors
/// The error of the serializer, which does not happen for these types.
pub(super) fn json(outcome: &ForecastOutcome, body: &mut Vec<u8>) -> serde_json::Result<()> {
    let answer = ForecastAnswer {
        model: ModelReference::of(&outcome.model),
        forecasts: outcome
            .series
            .iter()
            .map(|one| SeriesAnswer::of(one, &outcome.spec))
            .collect(),
    };
    let spec = &outcome.spec;
    let numbers = 1 + spec.quantiles.len() + 2 * spec.levels.len();
    let series = 256 + spec.horizon.steps() * (STAMP_BYTES + numbers * NUMBER_BYTES);
    body.reserve(256 + outcome.series.len() * series);
    serde_json::to_writer(body, &answer)
}

fn csv(outcome: ForecastOutcome) -> io::Result<Vec<u8>> {
    let ForecastOutcome { spec, series, .. } = outcome;
    let columns = ForecastColumns {
        quantiles: spec.quantiles,
        levels: spec.levels,
    };
    let mut writer = ForecastWriter::new(Vec::new(), columns)?;
    for one in &series {
        match one {
            Ok(series) => {
                let (id, stamps) = (series.id.as_deref(), series.stamps.as_deref());
                writer.write_forecast(id, stamps, &series.forecast)?;
            }
            Err(FailedSeries { id, error }) => {
                let error = format_args!("{}: {error}", error.code.as_str());
                writer.write_failure(id.as_deref(), &error)?;
            }
        }
    }
    writer.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(accept: &str, expected: Option<ForecastFormat>) {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        assert_eq!(
            ForecastFormat::preferred(&headers).ok(),
            expected,
            "{accept}"
        );
    }

    #[test]
    fn the_heaviest_format_wins_and_json_of_equals() {
        check("*/*", Some(ForecastFormat::Json));
        check("text/csv", Some(ForecastFormat::Csv));
        check(
            "text/*;q=0.9, application/json;q=0.1",
            Some(ForecastFormat::Csv),
        );
        check("application/json, text/csv", Some(ForecastFormat::Json));
        check("text/csv;q=0, */*", Some(ForecastFormat::Json));
        check(
            "text/html,application/xhtml+xml,*/*;q=0.8",
            Some(ForecastFormat::Json),
        );
        check("image/png", None);
    }
}
