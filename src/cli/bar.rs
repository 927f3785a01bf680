//! A progress bar on standard error, when a person watches.

use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressStyle};

use almanac_store::TransferProgress;

use crate::call::Progress;

/// How far a run is.
#[derive(Debug)]
pub(super) struct Bar(ProgressBar);

impl Bar {
    /// A bar that counts `things`, of no length yet.
    pub(super) fn new(things: &str) -> Self {
        let template = format!("{{bar:40}} {{pos}}/{{len}} {things}, {{per_sec}}, {{eta}} left");
        Self::styled(&template)
    }

    /// A bar that counts bytes, of no length yet.
    pub(super) fn of_bytes() -> Self {
        Self::styled("{bar:40} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left")
    }

    fn styled(template: &str) -> Self {
        if !io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::new(0);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// Removes the bar.
    pub(super) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

impl Progress for Bar {
    fn begin(&self, items: usize) {
        self.0.set_length(items as u64);
    }

    fn advance(&self, items: usize) {
        self.0.inc(items as u64);
    }
}

impl TransferProgress for Bar {
    fn expect(&self, bytes: u64) {
        self.0.inc_length(bytes);
    }

    fn advance(&self, bytes: u64) {
        self.0.inc(bytes);
    }
}
