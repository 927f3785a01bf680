//! A progress bar on standard error, if it is a terminal.

use std::io::{self, IsTerminal};

use almanac_store::TransferProgress;
use indicatif::{ProgressBar, ProgressStyle};

use crate::call::Progress;

/// A progress bar; hidden if standard error is not a terminal.
#[derive(Debug)]
pub(super) struct Bar(ProgressBar);

impl Bar {
    /// Creates a bar that counts `items`. Its length is set later.
    pub(super) fn new(items: &str) -> Self {
        let template = format!("{{bar:40}} {{pos}}/{{len}} {items}, {{per_sec}}, {{eta}} left");
        Self::styled(&template)
    }

    /// Creates a bar that counts bytes. Its length is set later.
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
