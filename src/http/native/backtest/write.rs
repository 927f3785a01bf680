//! The formats of the response to `POST /backtest`.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, header};

use almanac_frame::write_scores;
use almanac_plot::leaderboard_svg;

use crate::call::{BacktestOutcome, CallCode};
use crate::http::native::backtest::answer::BacktestAnswer;
use crate::http::negotiation::preferred;
use crate::http::problem::Problem;

/// The formats of the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BacktestFormat {
    /// `application/json`.
    Json,
    /// `text/csv`: the leaderboard alone.
    Csv,
    /// `image/svg+xml`: a chart of the leaderboard.
    Svg,
}

impl BacktestFormat {
    const ALL: [Self; 3] = [Self::Json, Self::Csv, Self::Svg];

    const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv",
            Self::Svg => "image/svg+xml",
        }
    }

    /// Returns the format that `headers` prefer; JSON by default.
    ///
    /// # Errors
    /// [`Code::NotAcceptable`](crate::http::problem::Code::NotAcceptable) lists the formats.
    pub(super) fn preferred(headers: &HeaderMap) -> Result<Self, Problem> {
        preferred(headers, Self::ALL, Self::media_type)
    }

    /// Writes `outcome` in this format.
    ///
    /// # Errors
    /// [`CallCode::Internal`] when it cannot be serialized, which does not happen for these types.
    pub(super) fn write(self, outcome: &BacktestOutcome) -> Result<Response<Body>, Problem> {
        let internal = |error: String| Problem::new(CallCode::Internal, error);
        let body = match self {
            Self::Json => serde_json::to_vec(&BacktestAnswer::of(outcome))
                .map_err(|error| internal(error.to_string()))?,
            Self::Csv => {
                let mut table = Vec::new();
                write_scores(&mut table, outcome.leaderboard())
                    .map_err(|error| internal(error.to_string()))?;
                table
            }
            Self::Svg => leaderboard_svg(outcome.leaderboard()).into_bytes(),
        };
        let mut response = Response::new(Body::from(body));
        let media_type = HeaderValue::from_static(self.media_type());
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, media_type);
        Ok(response)
    }
}
