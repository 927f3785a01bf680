//! A progress bar on standard error, when a person watches.

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressStyle};

/// How far a run is.
pub(super) struct Bar(ProgressBar);

impl Bar {
    /// A bar that counts `things`, of no length yet.
    pub(super) fn new(things: &str) -> Self {
        if !io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::new(0);
        let style = format!("{{bar:40}} {{pos}}/{{len}} {things}, {{per_sec}}, {{eta}} left");
        if let Ok(style) = ProgressStyle::with_template(&style) {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// There are so many things to do.
    pub(super) fn expect(&self, things: usize) {
        self.0.set_length(things as u64);
    }

    /// So many more are done.
    pub(super) fn advance(&self, things: usize) {
        self.0.inc(things as u64);
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.0.finish_and_clear();
    }
}
