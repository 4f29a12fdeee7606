//! Which replicas there must be, and what is said of those that are not.

use std::collections::BTreeSet;
use std::time::Duration;

use engine::signal::{Kind, Reading};
use ledger::pace::Signal;

/// Source of the row that says that nothing at all can be read.
pub(super) const NOBODY: &str = "primary";

/// Replicas that must be there.
pub(super) struct Required {
    sources: BTreeSet<String>,
    begun: bool,
}

impl Required {
    pub(super) fn begin(sources: BTreeSet<String>) -> Self {
        Self {
            sources,
            begun: false,
        }
    }

    /// The rows for a sample that could be made. Who is there at the first one is required from then on.
    pub(super) fn signals(&mut self, lags: Vec<Reading>) -> Vec<Signal> {
        if !self.begun {
            self.begun = true;
            self.sources.extend(lags.iter().map(|r| r.source.clone()));
        }
        worst_per_source(lags)
            .into_iter()
            .map(|reading| {
                let required = self.sources.contains(&reading.source);
                signal(reading, required)
            })
            .collect()
    }

    /// The rows for one that could not: every required source has the problem; without any, nobody knows whether
    /// there should be one.
    pub(super) fn problems(&self, why: &str) -> Vec<Signal> {
        let sources = self.sources.iter().map(String::as_str).chain([NOBODY]);
        sources
            .map(|source| signal(Reading::problem(Kind::ReplicaLag, source, why), true))
            .collect()
    }
}

/// Replicas of one name are one signal: a problem of any of them counts, then a lag that is not known, then the largest.
fn worst_per_source(readings: Vec<Reading>) -> Vec<Reading> {
    let mut worst: Vec<Reading> = Vec::new();
    for reading in readings {
        let Some(known) = worst.iter_mut().find(|w| w.source == reading.source) else {
            worst.push(reading);
            continue;
        };
        known.value = match (known.value, reading.value) {
            (Some(one), Some(other)) => Some(one.max(other)),
            (None, _) | (_, None) => None,
        };
        known.problem = known.problem.take().or(reading.problem);
    }
    worst
}

/// A reading as the ledger has it.
pub(super) fn signal(reading: Reading, required: bool) -> Signal {
    Signal {
        name: reading.kind.as_str().to_owned(),
        source: reading.source,
        value: reading.value,
        unit: reading.kind.unit().to_owned(),
        problem: reading.problem,
        required,
        age: Duration::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(source: &str) -> Reading {
        Reading::of(Kind::ReplicaLag, source, 0.25)
    }

    fn rows(signals: &[Signal]) -> Vec<(&str, Option<f64>, bool)> {
        signals
            .iter()
            .map(|s| (s.source.as_str(), s.value, s.required))
            .collect()
    }

    #[test]
    fn who_is_there_at_the_first_sample_is_required_and_who_comes_later_is_not() {
        let mut required = Required::begin(BTreeSet::from(["configured".to_owned()]));
        let first = required.signals(vec![reading("configured"), reading("a")]);
        assert_eq!(
            rows(&first),
            [("configured", Some(0.25), true), ("a", Some(0.25), true)]
        );
        let later = required.signals(vec![reading("a"), reading("backup")]);
        assert_eq!(
            rows(&later),
            [("a", Some(0.25), true), ("backup", Some(0.25), false)]
        );
    }

    #[test]
    fn of_two_replicas_with_one_name_the_worse_one_counts() {
        let slow = Reading {
            value: Some(40.0),
            ..reading("a")
        };
        let gone = Reading {
            value: None,
            problem: Some("gone".to_owned()),
            ..reading("a")
        };
        for (readings, lag, problem) in [
            (vec![slow.clone(), reading("a")], Some(40.0), None),
            (vec![reading("a"), slow.clone()], Some(40.0), None),
            (vec![gone.clone(), slow.clone()], None, Some("gone")),
            (vec![slow, gone], None, Some("gone")),
        ] {
            let signals = Required::begin(BTreeSet::new()).signals(readings);
            assert_eq!(rows(&signals), [("a", lag, true)]);
            assert_eq!(signals[0].problem.as_deref(), problem);
        }
    }

    #[test]
    fn what_cannot_be_read_stops_the_work_even_if_no_replica_is_known() {
        let mut required = Required::begin(BTreeSet::new());
        assert_eq!(rows(&required.problems("no")), [(NOBODY, None, true)]);
        required.signals(vec![reading("a")]);
        assert_eq!(
            rows(&required.problems("no")),
            [("a", None, true), (NOBODY, None, true)]
        );
    }
}
