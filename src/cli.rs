//! The command line, with one file per subcommand.

mod backtest;
mod bar;
mod forecast;
mod healthcheck;
mod models;
mod serve;
mod table;

use almanac_telemetry::logging;
use clap::{Parser, Subcommand};

use crate::call::CallError;
use crate::config::{Config, ConfigError, Flags, SettingFlags};

/// Forecasts time series over HTTP and from files, with ONNX models on CPU
#[derive(Debug, Parser)]
#[command(
    name = "almanac",
    version,
    args_conflicts_with_subcommands = true,
    after_help = EXAMPLES
)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Flags,
}

const EXAMPLES: &str = "\
Examples:
  almanac                                  serve on port 8080 with the embedded model
  almanac serve --listen 127.0.0.1:9000    serve on another address
  curl -s localhost:8080/forecast -d '{\"values\":[112,118,132,129],\"horizon\":2}'
  almanac forecast examples/air_passengers.csv --horizon 12 --plot forecast.svg
  almanac backtest examples/air_passengers.csv --horizon 12 --windows 3
  almanac models push ./my-model s3://bucket/models
  almanac models inspect models/seasonal/1/model.onnx";

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve forecasts over HTTP (the default without a subcommand)
    Serve(Box<Flags>),
    /// Forecast the series of a CSV file
    Forecast(Box<forecast::ForecastArgs>),
    /// Compare models on the series of a CSV file
    Backtest(Box<backtest::BacktestArgs>),
    /// List, check, inspect, copy and sign models
    #[command(subcommand)]
    Models(Box<models::ModelsCommand>),
    /// Check that a running server is ready; for images without a shell
    Healthcheck(healthcheck::HealthcheckArgs),
}

/// The error of a subcommand: one line for standard error, and the exit code.
#[derive(Debug)]
struct CliError {
    message: String,
    code: u8,
}

/// The exit code for wrong usage or configuration, `EX_USAGE` of `sysexits.h`.
const EXIT_USAGE: u8 = 64;

impl Cli {
    /// Runs the subcommand, reports its error, and returns the exit code.
    #[must_use]
    pub fn run(self) -> u8 {
        let result = match self.command {
            None => serve::run(&self.serve),
            Some(Command::Serve(flags)) => serve::run(&flags),
            Some(Command::Forecast(args)) => forecast::run(&args),
            Some(Command::Backtest(args)) => backtest::run(&args),
            Some(Command::Models(command)) => models::run(&command),
            Some(Command::Healthcheck(args)) => healthcheck::run(&args),
        };
        match result {
            Ok(()) => 0,
            Err(error) => {
                report(&format!("almanac: {}", error.message));
                error.code
            }
        }
    }
}

/// Reports in one line an error of the arguments, and returns the exit code.
#[must_use]
pub fn fail_usage(message: &str) -> u8 {
    report(&format!("almanac: {message}; see almanac --help"));
    EXIT_USAGE
}

impl From<anyhow::Error> for CliError {
    fn from(error: anyhow::Error) -> Self {
        Self {
            message: format!("{error:#}"),
            code: 1,
        }
    }
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        Self {
            message: error.to_string(),
            code: EXIT_USAGE,
        }
    }
}

impl From<logging::LogError> for CliError {
    fn from(error: logging::LogError) -> Self {
        let code = match error {
            logging::LogError::Filter { .. } => EXIT_USAGE,
            logging::LogError::Thread(_) => 1,
        };
        Self {
            message: error.to_string(),
            code,
        }
    }
}

/// Returns the error of an invalid argument, with the name of its flag.
fn usage_error(error: &CallError) -> CliError {
    let field = error
        .path
        .as_deref()
        .and_then(|path| path.split('/').nth(1))
        .filter(|field| !field.is_empty());
    let message = match field {
        Some(field) => format!("--{}: {error}", field.replace('_', "-")),
        None => error.to_string(),
    };
    CliError {
        message,
        code: EXIT_USAGE,
    }
}

/// Loads the configuration and starts the log. `quiet` raises the default level to `warn`, for
/// subcommands whose result is their output.
fn configure<const S: bool>(flags: &SettingFlags<S>, quiet: bool) -> Result<Config, CliError> {
    let mut config = Config::load(flags)?;
    if quiet && !flags.has_log_level() {
        "warn".clone_into(&mut config.log.level);
    }
    logging::start(&config.log.to_config())?;
    Ok(config)
}

#[expect(
    clippy::print_stderr,
    reason = "standard error is for messages to the user"
)]
fn report(line: &str) {
    // Log lines that led to the message are written before it.
    logging::flush();
    eprintln!("{line}");
}

#[expect(
    clippy::print_stdout,
    reason = "standard output is for the result of the subcommand"
)]
fn print(text: &str) {
    print!("{text}");
}
