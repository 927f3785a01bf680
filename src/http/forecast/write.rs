//! The formats of an answer.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, header};

use crate::http::forecast::answer::{ForecastAnswer, ModelReference, SeriesAnswer};
use crate::http::forecast::run::Outcome;
use crate::http::negotiation::preferred;
use crate::http::problem::{Code, FailedSeries, Problem};
use almanac_frame::{ForecastColumns, ForecastWriter};

/// Formats of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AnswerFormat {
    /// `application/json`.
    Json,
    /// `text/csv`.
    Csv,
}

/// What a timestamp with a zone takes in JSON, and a number of seven digits: an answer that outgrows
/// its place is moved, and may be large.
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

    /// The format that `headers` prefer; JSON when they do not say.
    ///
    /// # Errors
    /// [`Code::NotAcceptable`] lists what is written.
    pub(crate) fn preferred(headers: &HeaderMap) -> Result<Self, Problem> {
        preferred(headers, Self::ALL, Self::media_type)
    }

    /// `outcome` in this format.
    ///
    /// # Errors
    /// [`Code::Internal`] when it cannot be written, which memory alone can cause.
    pub(crate) fn write(self, outcome: Outcome) -> Result<Response<Body>, Problem> {
        let body = match self {
            Self::Json => {
                let mut body = Vec::new();
                json(&outcome, &mut body).map(|()| body)
            }
            Self::Csv => csv(outcome),
        };
        let body = body.map_err(|error| Problem::new(Code::Internal, error))?;
        let mut response = Response::new(Body::from(body));
        let media_type = HeaderValue::from_static(self.media_type());
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, media_type);
        Ok(response)
    }
}

/// Writes `outcome` as JSON at the end of `body`.
pub(super) fn json(outcome: &Outcome, body: &mut Vec<u8>) -> Result<(), String> {
    let forecasts = outcome.series.iter();
    let answer = ForecastAnswer {
        model: ModelReference::of(&outcome.model),
        forecasts: forecasts
            .map(|one| SeriesAnswer::of(one, &outcome.asked))
            .collect(),
    };
    let asked = &outcome.asked;
    let numbers = 1 + asked.quantiles.len() + 2 * asked.levels.len();
    let series = 256 + asked.horizon.steps() * (STAMP_BYTES + numbers * NUMBER_BYTES);
    body.reserve(256 + outcome.series.len() * series);
    serde_json::to_writer(body, &answer).map_err(|error| error.to_string())
}

fn csv(outcome: Outcome) -> Result<Vec<u8>, String> {
    let Outcome { asked, series, .. } = outcome;
    let columns = ForecastColumns {
        quantiles: asked.quantiles,
        levels: asked.levels,
    };
    let write = || {
        let mut writer = ForecastWriter::new(Vec::new(), columns)?;
        for one in &series {
            match one {
                Ok((echo, forecast)) => {
                    writer.write_forecast(echo.id.as_deref(), echo.stamps.as_deref(), forecast)?;
                }
                Err(FailedSeries { id, error }) => {
                    let Problem { code, detail, .. } = error;
                    let error = format_args!("{}: {detail}", code.as_str());
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
