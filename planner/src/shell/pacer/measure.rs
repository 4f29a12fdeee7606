//! What `/metrics` says about the throttle. Labels are of closed sets (signals) and of what the settings name (targets, jobs).
//!
//! | metric | labels | meaning |
//! |---|---|---|
//! | `sluice_signal_value` | target, signal | the highest fresh reading, over its sources; NaN: none can be read |
//! | `sluice_signal_limit` | job, signal | above it the job writes nothing; the lowest, where several are set |
//! | `sluice_paused_seconds_total` | signal | how long jobs wrote nothing because of it; `window` and `sampler` too |

use std::collections::BTreeMap;
use std::time::Duration;

use ledger::pace::{Kind, SAMPLER, Signal};
use proto::TargetName;

use crate::pace::{MAX_AGE, Rule, WINDOW};

/// How long signals have stopped jobs, as far as this planner knows.
#[derive(Debug, Default)]
pub(super) struct Paused(BTreeMap<&'static str, Duration>);

impl Paused {
    /// That much more, by this signal.
    pub(super) fn count(&mut self, signal: Option<&str>, time: Duration) {
        let Some(signal) = signal.and_then(label) else {
            return;
        };
        let total = self.0.entry(signal).or_default();
        let before = total.as_secs();
        *total += time;
        // Whole seconds as they fill up: counters count whole numbers, and other planners of this process count too.
        metrics::counter!("sluice_paused_seconds_total", "signal" => signal)
            .increment(total.as_secs() - before);
    }
}

/// The signal's own name, if it is one of ours.
fn label(signal: &str) -> Option<&'static str> {
    let all = Kind::ALL.into_iter().map(Kind::as_str).chain([WINDOW, SAMPLER]);
    all.into_iter().find(|known| *known == signal)
}

/// Values and limits.
pub(super) fn tell(target: &TargetName, job: &str, rules: &[Rule], signals: &[Signal]) {
    for kind in Kind::ALL {
        let name = kind.as_str();
        let mut fresh = signals
            .iter()
            .filter(|s| s.name == name && s.age <= MAX_AGE)
            .peekable();
        if fresh.peek().is_some() {
            let value = fresh.filter_map(|s| s.value).fold(f64::NAN, f64::max);
            metrics::gauge!("sluice_signal_value", "target" => target.to_string(), "signal" => name)
                .set(value);
        }
        let limits = rules.iter().filter(|r| r.kind == kind).map(|r| r.levels.stop);
        if let Some(limit) = limits.reduce(f64::min) {
            metrics::gauge!("sluice_signal_limit", "job" => job.to_owned(), "signal" => name).set(limit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_the_closed_set_become_labels() {
        for name in ["replica_lag", "http_check", WINDOW, SAMPLER] {
            assert_eq!(label(name), Some(name));
        }
        assert_eq!(label("SELECT secret"), None);
    }

    #[test]
    fn time_adds_up_over_beats_that_are_shorter_than_a_second() {
        let mut paused = Paused::default();
        for _ in 0..10 {
            paused.count(Some("replica_lag"), Duration::from_millis(250));
        }
        paused.count(Some("nobody's"), Duration::from_secs(9));
        assert_eq!(
            paused.0,
            BTreeMap::from([("replica_lag", Duration::from_millis(2_500))])
        );
    }
}
