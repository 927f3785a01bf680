//! The formats of a response.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, header};

use almanac_frame::{ForecastColumns, ForecastWriter};

use crate::call::{CallCode, FailedSeries, ForecastOutcome};
use crate::http::native::forecast::answer::{ForecastAnswer, ModelReference, SeriesAnswer};
use crate::http::negotiation::preferred;
use crate::http::problem::Problem;

/// Formats of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AnswerFormat {
    /// `application/json`.
    Json,
    /// `text/csv`.
    Csv,
}

/// The size in JSON of a timestamp with a zone, and of a number with seven digits: a buffer that is too
/// small is reallocated and copied, and may be large.
const STAMP_BYTES: usize = 28;
const NUMBER_BYTES: usize = 12;

impl AnswerFormat {
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
    /// [`Code::NotAcceptable`] lists what is written.
    pub(crate) fn preferred(headers: &HeaderMap) -> Result<Self, Problem> {
        preferred(headers, Self::ALL, Self::media_type)
    }

    /// Writes `outcome` in this format.
    ///
    /// # Errors
    /// [`CallCode::Internal`] when it cannot be written, which only lack of memory can cause.
    pub(crate) fn write(self, outcome: ForecastOutcome) -> Result<Response<Body>, Problem> {
        let body = match self {
            Self::Json => {
                let mut body = Vec::new();
                json(&outcome, &mut body).map(|()| body)
            }
            Self::Csv => csv(outcome),
        };
        let body = body.map_err(|error| Problem::new(CallCode::Internal, error))?;
        let mut response = Response::new(Body::from(body));
        let media_type = HeaderValue::from_static(self.media_type());
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, media_type);
        Ok(response)
    }
}

/// Appends `outcome` to `body` as JSON.
pub(super) fn json(outcome: &ForecastOutcome, body: &mut Vec<u8>) -> Result<(), String> {
    let forecasts = outcome.series.iter();
    let answer = ForecastAnswer {
        model: ModelReference::of(&outcome.model),
        forecasts: forecasts
            .map(|one| SeriesAnswer::of(one, &outcome.spec))
            .collect(),
    };
    let spec = &outcome.spec;
    let numbers = 1 + spec.quantiles.len() + 2 * spec.levels.len();
    let series = 256 + spec.horizon.steps() * (STAMP_BYTES + numbers * NUMBER_BYTES);
    body.reserve(256 + outcome.series.len() * series);
    serde_json::to_writer(body, &answer).map_err(|error| error.to_string())
}

fn csv(outcome: ForecastOutcome) -> Result<Vec<u8>, String> {
    let ForecastOutcome { spec, series, .. } = outcome;
    let columns = ForecastColumns {
        quantiles: spec.quantiles,
        levels: spec.levels,
    };
    let write = || {
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
    };
    write().map_err(|error: std::io::Error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(accept: &str, expected: Option<AnswerFormat>) {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        assert_eq!(AnswerFormat::preferred(&headers).ok(), expected, "{accept}");
    }

    #[test]
    fn the_heaviest_format_wins_and_json_of_equals() {
        check("*/*", Some(AnswerFormat::Json));
        check("text/csv", Some(AnswerFormat::Csv));
        check(
            "text/*;q=0.9, application/json;q=0.1",
            Some(AnswerFormat::Csv),
        );
        check("application/json, text/csv", Some(AnswerFormat::Json));
        check("text/csv;q=0, */*", Some(AnswerFormat::Json));
        check(
            "text/html,application/xhtml+xml,*/*;q=0.8",
            Some(AnswerFormat::Json),
        );
        check("image/png", None);
    }
}
