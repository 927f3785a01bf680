//! The file from which a subcommand reads series.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use almanac_forecast::{ForecastLimits, SeasonDraft};
use almanac_frame::{ColumnChoice, SeriesSettings, Table, read_csv};
use anyhow::Context as _;
use clap::Args;

use crate::cli::report;
use crate::config::Config;

/// The file, and the properties of its series that it does not contain.
#[derive(Debug, Args)]
pub(super) struct TableArgs {
    /// CSV file; - for standard input
    file: PathBuf,
    /// Step of the calendar, such as D, W-MON, MS or 15min [default: inferred]
    #[arg(long, value_name = "FREQUENCY")]
    frequency: Option<String>,
    /// IANA time zone of timestamps without one
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    /// Steps per season, 1 for none, or detect [default: the frequency's]
    #[arg(long, value_name = "STEPS", value_parser = season)]
    season_length: Option<SeasonDraft>,
    /// Column that names the series [default: found by name]
    #[arg(long, value_name = "COLUMN")]
    id_column: Option<String>,
    /// Column of timestamps [default: found by name]
    #[arg(long, value_name = "COLUMN")]
    time_column: Option<String>,
    /// Column of values [default: found by name]
    #[arg(long, value_name = "COLUMN")]
    target_column: Option<String>,
}

impl TableArgs {
    /// Reads the series of the file, and reports the columns that are ignored.
    ///
    /// # Errors
    /// If the file cannot be read, or is not a table of series.
    pub(super) fn read(&self, config: &Config) -> anyhow::Result<Table> {
        let input: Box<dyn Read> = if self.file == Path::new("-") {
            Box::new(io::stdin().lock())
        } else {
            Box::new(File::open(&self.file).with_context(|| shown(&self.file))?)
        };
        let columns = ColumnChoice {
            id: self.id_column.clone(),
            time: self.time_column.clone(),
            target: self.target_column.clone(),
        };
        let settings = SeriesSettings {
            frequency: self.frequency.clone(),
            timezone: self.timezone.clone(),
            season_length: self.season_length,
        };
        // A file may contain more series than a request.
        let limits = ForecastLimits {
            series: usize::MAX,
            ..config.request_limits()
        };
        let table = read_csv(input, &columns, &limits).with_context(|| shown(&self.file))?;
        if !table.recognised.ignored.is_empty() {
            report(&format!(
                "almanac: ignored columns: {}",
                table.recognised.ignored.join(", ")
            ));
        }
        Ok(table.with_settings(&settings))
    }
}

fn season(text: &str) -> Result<SeasonDraft, String> {
    match text {
        "detect" => Ok(SeasonDraft::Detect),
        _ => text
            .parse()
            .map(SeasonDraft::Steps)
            .map_err(|_| "write a whole number or detect".to_owned()),
    }
}

/// Returns a path as an error shows it.
pub(super) fn shown(path: &Path) -> String {
    path.display().to_string()
}
