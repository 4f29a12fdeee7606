//! From budget and signals to the pace of a job. Pure.
//!
//! A person's word and the job's state come first. Then somebody must sample, the time must be one in which rows may be written, and every
//! signal that has a limit must be there, fresh, readable and not above it (invariant 7: it fails closed). Between a signal's low level and
//! its stop level the pace is eased; a job that was stopped goes on only at the low level, so that it does not flutter around the stop level.
//!
//! - `rule`: how one signal is judged; `rules`: which signal has which levels, from the spec and from the settings;
//! - `window`: the hours in which rows may be written;
//! - `ease`: how fast the pace falls and rises again.
//!
//! How the rates are shared among leases is [`crate::budget`]'s.

mod ease;
mod rule;
mod rules;
mod window;

pub use ease::eased;
pub use rule::{Finding, Levels, Rule, Sources};
pub use rules::rules;
pub use window::{Hours, WindowError};

use std::time::Duration;

use jiff::Timestamp;
use ledger::pace::{Pace, SAMPLER, Signal, StopKind};
use ledger::plan::Budget;
use shared::settings::TargetThrottle;

use crate::budget::Limits;
use crate::decide::Machine;

/// A reading older than this is no reading.
pub const MAX_AGE: Duration = Duration::from_secs(5);

/// What a stop is called that no signal makes but the hour.
pub const WINDOW: &str = "window";

/// Everything that a pace depends on.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// The job.
    pub machine: &'a Machine,
    /// Its tables, as signals name them.
    pub tables: &'a [String],
    /// The rates of the target.
    pub target: Limits,
    /// The signals that the target's settings name.
    pub throttle: &'a TargetThrottle,
    /// What was sampled; None where there is nothing to sample: a file has no server.
    pub signals: Option<&'a [Signal]>,
    /// Tasks in hand; a worker that knows no shares takes an even part.
    pub leased: u64,
    /// The wall clock, for the hours in which rows may be written.
    pub now: Timestamp,
    /// What was said before.
    pub before: Option<&'a Pace>,
    /// Whether it is time to change how much the pace is eased.
    pub step: Step,
}

/// Whether the factor moves: it does so about once a second, however often the pace is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It stays.
    Hold,
    /// It moves.
    Due,
}

/// What the job may do now, and what kind of reason stops it.
#[must_use]
pub fn pace(situation: &Situation<'_>) -> (Pace, StopKind) {
    let machine = situation.machine;
    let mut pace = unhindered(situation);
    if !machine.writes_rows() {
        pace.go = false;
        pace.reason = Some(
            machine
                .reason()
                .unwrap_or_else(|| format!("the job is {}", machine.state)),
        );
        return (pace, StopKind::Other);
    }
    let before = situation.before;
    let stopped_by = before.filter(|b| !b.go).and_then(|b| b.signal.as_deref());
    let finding = look(situation, stopped_by);
    let was = before.map_or(1.0, |b| b.factor);
    let pressed = !matches!(finding, Finding::Fine);
    pace.factor = match situation.step {
        Step::Due => eased(was, pressed),
        Step::Hold => was,
    };
    match finding {
        Finding::Stop { signal, reason } => {
            pace.go = false;
            pace.reason = Some(reason);
            pace.signal = Some(signal.to_owned());
        }
        Finding::High(why) => pace.eased_by = Some(why),
        Finding::Fine => pace.eased_by = before.and_then(|b| b.eased_by.clone()),
    }
    if pace.factor >= 1.0 {
        pace.eased_by = None;
    }
    (pace, StopKind::Signal)
}

/// The pace if nothing stood against it.
fn unhindered(situation: &Situation<'_>) -> Pace {
    let budget = &situation.machine.budget;
    let rows = [budget.max_rows_per_second, situation.target.rows];
    let rows = rows.into_iter().flatten().min();
    let parts = u64::from(budget.max_parallel.max(1)).max(situation.leased);
    Pace {
        rows_per_second: rows.map(|r| (r / parts).max(1)),
        shared: situation.target.any() || limits(budget).any(),
        ..Pace::full(budget.max_parallel)
    }
}

/// The first thing that stops the work, or else the first that is high.
fn look(situation: &Situation<'_>, stopped_by: Option<&str>) -> Finding {
    if let Some(reason) = window::closed(&situation.machine.budget.throttle.windows, situation.now) {
        return Finding::Stop {
            signal: WINDOW,
            reason,
        };
    }
    let Some(signals) = situation.signals else {
        return Finding::Fine;
    };
    if let Some(reason) = sampler_fault(signals) {
        return Finding::Stop {
            signal: SAMPLER,
            reason,
        };
    }
    let mut high = None;
    for rule in rules(&situation.machine.budget, situation.tables, situation.throttle) {
        match rule.judge(signals, stopped_by == Some(rule.kind.as_str())) {
            Finding::Fine => {}
            Finding::High(why) => high = high.or(Some(why)),
            stop @ Finding::Stop { .. } => return stop,
        }
    }
    high.map_or(Finding::Fine, Finding::High)
}

/// The rates of a job's budget.
#[must_use]
pub fn limits(budget: &Budget) -> Limits {
    Limits {
        rows: budget.max_rows_per_second,
        wal_bytes: budget.max_wal_bytes_per_second,
    }
}

fn sampler_fault(signals: &[Signal]) -> Option<String> {
    match signals.iter().find(|s| s.name == SAMPLER) {
        None => Some("no verifier has sampled any signal yet; start one".to_owned()),
        Some(s) if s.age > MAX_AGE => Some(format!(
            "no verifier has sampled the signals for {:.0} s (limit {} s); is one running?",
            s.age.as_secs_f64(),
            MAX_AGE.as_secs()
        )),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests;
