//! The JSON body of `POST /forecast` and of `POST /backtest`, parsed in one pass.
//!
//! Parsed by hand rather than by a derived implementation: each error must name its field by JSON
//! pointer, an unknown field gets a suggestion, an invalid series must not fail its neighbours, and the
//! values are appended directly to the vector that the domain uses.

mod covariates;
mod numbers;
mod reader;

use almanac_forecast::{DraftField, ForecastLimits, SeasonDraft, SeriesDraft};

use crate::call::{BacktestCall, CallCode, CallError, ForecastCall, SeriesCall, too_many_series};

use crate::http::native::forecast::schema::{BACKTEST_FIELDS, FORECAST_FIELDS, SERIES_FIELDS};

use reader::{Fields, Reader, Syntax};

/// The extent of an error while a body is parsed.
pub(super) enum Failure {
    /// The text is not JSON: nothing after it can be parsed.
    Syntax(Box<CallError>),
    /// A value is invalid: the enclosing object fails, its neighbours do not.
    Field(Box<CallError>),
}

impl Failure {
    fn field(problem: CallError) -> Self {
        Self::Field(Box::new(problem))
    }
}

impl From<Syntax> for Failure {
    fn from(syntax: Syntax) -> Self {
        Self::Syntax(syntax.0)
    }
}

type Read<T> = Result<T, Failure>;

/// Parses the body of a forecast. With `allow_nan`, a bare `NaN` is a missing value.
///
/// # Errors
/// The error of the request as a whole. A series that cannot be parsed carries its own.
pub fn parse(
    body: &[u8],
    allow_nan: bool,
    limits: &ForecastLimits,
) -> Result<ForecastCall, CallError> {
    let mut reader = Reader::new(body, allow_nan);
    let (call, _none) = whole(read_call(&mut reader, FORECAST_FIELDS, limits))?;
    Ok(call)
}

/// Parses `body` as [`parse`] does, and the fields of a backtest with it.
///
/// # Errors
/// As [`parse`].
pub(crate) fn parse_backtest(
    body: &[u8],
    allow_nan: bool,
    limits: &ForecastLimits,
) -> Result<(ForecastCall, BacktestCall), CallError> {
    let mut reader = Reader::new(body, allow_nan);
    whole(read_call(&mut reader, BACKTEST_FIELDS, limits))
}

/// Converts any failure to the error of the request as a whole.
fn whole<T>(read: Read<T>) -> Result<T, CallError> {
    read.map_err(|failure| match failure {
        Failure::Syntax(problem) | Failure::Field(problem) => *problem,
    })
}

fn read_call(
    reader: &mut Reader<'_>,
    known: &'static [&'static str],
    limits: &ForecastLimits,
) -> Read<(ForecastCall, BacktestCall)> {
    let mut call = ForecastCall::default();
    let mut backtest = BacktestCall::default();
    let mut series: Option<Vec<SeriesCall>> = None;
    let mut common = SeriesFields::default();
    let mut fields = Fields::new(known);
    reader.object(&mut fields, |reader, field| {
        match field {
            "horizon" => call.horizon = Some(reader.whole_number()?),
            "quantiles" => call.quantiles = reader.optional(Reader::numbers)?,
            "levels" => call.levels = reader.optional(Reader::numbers)?.unwrap_or_default(),
            "model" => call.model = reader.optional(Reader::text)?,
            "calibrate_windows" => {
                call.calibrate_windows = reader.optional(Reader::whole_number)?;
            }
            "series" => series = Some(read_series_list(reader, limits)?),
            "windows" => backtest.windows = reader.optional(Reader::whole_number)?,
            "step" => backtest.step = reader.optional(Reader::whole_number)?,
            "models" => backtest.models = reader.optional(Reader::texts)?,
            "calibrate" => backtest.calibrate = reader.optional(Reader::flag)?,
            _ => common.read(reader, field, limits)?,
        }
        Ok(())
    })?;
    reader.finish()?;
    call.series = all_series(series, common)?;
    Ok((call, backtest))
}

/// Returns the series of the long form, or the one of the short form, completed with the shared fields.
fn all_series(series: Option<Vec<SeriesCall>>, common: SeriesFields) -> Read<Vec<SeriesCall>> {
    match series {
        Some(list) => {
            if let Some(field) = common.series_only() {
                let detail = format!(
                    "{field} belongs to one series; move it into series, or leave series out"
                );
                let problem = CallError::new(CallCode::ConflictingFields, detail);
                return Err(Failure::field(problem.at(format!("/{field}"))));
            }
            Ok(list.into_iter().map(|one| common.fill(one)).collect())
        }
        None if common.values.is_none() => {
            let detail = "values is required: the history of the series; or send series, a list of objects with values";
            Err(Failure::field(
                CallError::new(CallCode::MissingField, detail).at("/values"),
            ))
        }
        None => Ok(vec![common.into_call(String::new())]),
    }
}

fn read_series_list(reader: &mut Reader<'_>, limits: &ForecastLimits) -> Read<Vec<SeriesCall>> {
    let mut list = Vec::new();
    reader.array(|reader, index| {
        if index >= limits.series {
            return Err(Failure::field(too_many_series(index + 1, limits.series)));
        }
        let mut fields = SeriesFields::default();
        let pointer = format!("/series/{index}");
        let read = reader.isolated(|reader| {
            let mut known = Fields::new(SERIES_FIELDS);
            reader.object(&mut known, |reader, field| {
                fields.read(reader, field, limits)
            })?;
            if fields.values.is_none() {
                let detail = "values is required: the history of the series";
                let problem = CallError::new(CallCode::MissingField, detail);
                return Err(Failure::field(problem.at(format!("{pointer}/values"))));
            }
            Ok(())
        })?;
        let mut call = fields.into_call(pointer);
        if let Err((problem, id)) = read {
            call.id = call.id.or(id);
            call.draft = Err(problem);
        }
        list.push(call);
        Ok(())
    })?;
    Ok(list)
}

/// The fields of a series that have been parsed so far.
#[derive(Default)]
struct SeriesFields {
    id: Option<String>,
    values: Option<Vec<f64>>,
    draft: SeriesDraft,
}

impl SeriesFields {
    fn read(&mut self, reader: &mut Reader<'_>, field: &str, limits: &ForecastLimits) -> Read<()> {
        match field {
            "id" => self.id = reader.optional(Reader::text_or_number)?,
            "values" => self.values = Some(reader.values(limits.values)?),
            "start" => self.draft.start = reader.optional(Reader::text_or_number)?,
            "timestamps" => {
                self.draft.timestamps =
                    reader.optional(|reader| reader.positions(limits.values))?;
            }
            "frequency" => self.draft.frequency = reader.optional(Reader::text)?,
            "timezone" => self.draft.timezone = reader.optional(Reader::text)?,
            "season_length" => self.draft.season_length = reader.optional(season_length)?,
            "covariates" => {
                let read = reader.optional(|reader| covariates::read(reader, limits))?;
                self.draft.covariates = read.unwrap_or_default();
            }
            _ => unreachable!("`Fields` refuses every other name"),
        }
        Ok(())
    }

    /// Returns a field that only one series can have.
    fn series_only(&self) -> Option<&'static str> {
        let present = [
            (self.values.is_some(), "values"),
            (self.draft.timestamps.is_some(), "timestamps"),
            (self.id.is_some(), "id"),
            (!self.draft.covariates.is_empty(), "covariates"),
        ];
        present
            .into_iter()
            .find_map(|(present, field)| present.then_some(field))
    }

    /// Completes `call` with the shared fields that it does not have itself.
    fn fill(&self, mut call: SeriesCall) -> SeriesCall {
        let Ok(draft) = &mut call.draft else {
            return call;
        };
        let common = &self.draft;
        let mut share = |own: &mut Option<String>, common: &Option<String>, field: DraftField| {
            if own.is_none() && common.is_some() {
                own.clone_from(common);
                call.shared.push(field);
            }
        };
        if draft.timestamps.is_none() {
            share(&mut draft.start, &common.start, DraftField::Start);
        }
        share(
            &mut draft.frequency,
            &common.frequency,
            DraftField::Frequency,
        );
        share(&mut draft.timezone, &common.timezone, DraftField::Timezone);
        if draft.season_length.is_none() && common.season_length.is_some() {
            draft.season_length = common.season_length;
            call.shared.push(DraftField::SeasonLength);
        }
        call
    }

    fn into_call(mut self, pointer: String) -> SeriesCall {
        self.draft.values = self.values.unwrap_or_default();
        SeriesCall {
            id: self.id,
            draft: Ok(self.draft),
            path: pointer,
            shared: Vec::new(),
        }
    }
}

fn season_length(reader: &mut Reader<'_>) -> Read<SeasonDraft> {
    if !reader.at_text()? {
        return Ok(SeasonDraft::Steps(reader.whole_number()?));
    }
    match reader.text()?.as_str() {
        "detect" => Ok(SeasonDraft::Detect),
        other => {
            let detail =
                format!("season_length is {other:?}; send a whole number of steps, or \"detect\"");
            Err(reader.field(CallError::new(CallCode::InvalidSeasonLength, detail).received(other)))
        }
    }
}

#[cfg(test)]
mod tests;
