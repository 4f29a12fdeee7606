//! Progress on standard error: a bar for a person who watches, plain lines for a log.
//!
//! Lines say each change of state, and of what is waited for, once. While there are rows to be filled they say how far it is
//! every ten seconds; after that nothing moves but the clock, and the reason says until when.

mod line;

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use ledger::JobState;

use crate::eta::{Look, Track};
use crate::out;
use crate::view::View;

/// Between two lines while the state stays the same.
const EVERY: Duration = Duration::from_secs(10);

/// Shows how far a job is.
#[derive(Debug)]
pub struct Progress {
    shown: Shown,
    blocks: Track,
    rows: Track,
    state: Option<JobState>,
    told: Option<Duration>,
    wait: Option<String>,
}

#[derive(Debug)]
enum Shown {
    Bar(ProgressBar),
    Lines,
}

impl Progress {
    /// A bar on a terminal, lines otherwise.
    #[must_use]
    pub fn new() -> Self {
        let shown = if out::is_watched() {
            Shown::Bar(bar())
        } else {
            Shown::Lines
        };
        Self {
            shown,
            blocks: Track::default(),
            rows: Track::default(),
            state: None,
            told: None,
            wait: None,
        }
    }

    /// Shows one look at the job; `now` is monotonic.
    pub fn show(&mut self, view: &View, now: Duration) {
        self.blocks.push(Look {
            at: now,
            done: view.counts.blocks_done,
        });
        self.rows.push(Look {
            at: now,
            done: view.counts.rows_seen,
        });
        let rate = self.rows.recent_rate();
        let eta = self.blocks.eta(view.counts.blocks_total);
        let changed = self.state != Some(view.job.state);
        let wait = line::waits(view);
        if changed {
            self.note(&line::entered(view));
        } else if wait.is_some() && wait != self.wait {
            let wait = wait.as_deref().unwrap_or_default();
            self.note(&format!("{}: {wait}", view.job.name));
        }
        match &self.shown {
            Shown::Bar(bar) => {
                if changed {
                    bar.set_style(style(view.job.state));
                }
                bar.set_length(view.counts.blocks_total.max(1));
                bar.set_position(view.counts.blocks_done);
                bar.set_message(line::short(view, rate, eta));
            }
            Shown::Lines if changed => self.told = Some(now),
            Shown::Lines if !line::has_chunks(view.job.state) => {}
            Shown::Lines => {
                if self.told.is_none_or(|told| now.saturating_sub(told) >= EVERY) {
                    out::note(&line::text(view, rate, eta));
                    self.told = Some(now);
                }
            }
        }
        self.state = Some(view.job.state);
        self.wait = wait;
    }

    /// Tells something beside the progress.
    pub fn note(&self, text: &str) {
        match &self.shown {
            Shown::Bar(bar) => bar.suspend(|| out::note(text)),
            Shown::Lines => out::note(text),
        }
    }

    /// Takes the bar away; lines stay.
    pub fn finish(&self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new(1).with_style(style(JobState::Submitted));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Only rows that are filled make a bar.
fn style(state: JobState) -> ProgressStyle {
    let template = if line::has_chunks(state) {
        "{spinner} [{bar:16.cyan}] {wide_msg}"
    } else {
        "{spinner} {wide_msg}"
    };
    ProgressStyle::with_template(template)
        .expect("a template without unknown keys")
        .progress_chars("=> ")
}
