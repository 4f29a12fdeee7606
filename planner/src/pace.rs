//! From budget and signals to the pace of a job. Pure.
//!
//! The rules: a person's word and the job's state come first; then every required signal must be
//! there, fresh, readable and under its limit (invariant 7: it fails closed). A job that a signal stopped goes on only
//! below the resume level, so that it does not flutter around the limit. How the rates are shared among leases is [`crate::budget`]'s.

use std::time::Duration;

use ledger::pace::{Pace, REPLICA_LAG, SAMPLER, Signal, StopKind};
use ledger::plan::Budget;

use crate::budget::Limits;
use crate::decide::Machine;

/// A reading older than this is no reading.
const MAX_AGE: Duration = Duration::from_secs(5);

/// Part of the limit below which a stopped job goes on.
const RESUME: f64 = 0.5;

/// What the job may do now, and what kind of reason stops it. `leased` tasks are in hand; a worker that knows no shares takes an even
/// part. `signals` is None where there is nothing to sample: a file has no replicas.
#[must_use]
pub fn pace(
    machine: &Machine,
    target: Limits,
    signals: Option<&[Signal]>,
    leased: u64,
    before: Option<&Pace>,
) -> (Pace, StopKind) {
    let budget = &machine.budget;
    let rows = [budget.max_rows_per_second, target.rows]
        .into_iter()
        .flatten()
        .min();
    let mut pace = Pace {
        go: true,
        reason: None,
        max_parallel: budget.max_parallel,
        rows_per_second: rows.map(|r| (r / u64::from(budget.max_parallel.max(1)).max(leased)).max(1)),
        shared: target.any() || limits(budget).any(),
    };
    if !machine.writes_rows() {
        pace.go = false;
        pace.reason = Some(
            machine
                .reason()
                .unwrap_or_else(|| format!("the job is {}", machine.state)),
        );
        return (pace, StopKind::Other);
    }
    let Some(signals) = signals else {
        return (pace, StopKind::Other);
    };
    let stopped =
        before.is_some_and(|b| !b.go && b.reason.as_deref().is_some_and(|r| r.starts_with(REPLICA_LAG)));
    if let Some(reason) = sampler_fault(signals).or_else(|| {
        signals
            .iter()
            .filter(|s| s.name == REPLICA_LAG)
            .find_map(|s| lag_fault(s, machine, stopped))
    }) {
        pace.go = false;
        pace.reason = Some(reason);
    }
    (pace, StopKind::Signal)
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

fn lag_fault(signal: &Signal, machine: &Machine, stopped: bool) -> Option<String> {
    let limit = machine.budget.max_replica_lag.as_secs_f64();
    let who = &signal.source;
    if signal.age > MAX_AGE {
        return signal.required.then(|| {
            format!(
                "{REPLICA_LAG} of {who} was last read {:.0} s ago (limit {} s)",
                signal.age.as_secs_f64(),
                MAX_AGE.as_secs()
            )
        });
    }
    match (signal.value, &signal.problem) {
        (_, Some(problem)) => signal
            .required
            .then(|| format!("{REPLICA_LAG} of {who} cannot be read: {problem}")),
        (None, None) => signal
            .required
            .then(|| format!("{REPLICA_LAG} of {who} has no value")),
        (Some(lag), None) if lag > limit => Some(format!(
            "{REPLICA_LAG} of {who} is {lag:.1} s, limit {limit:.1} s"
        )),
        (Some(lag), None) if stopped && lag > limit * RESUME => Some(format!(
            "{REPLICA_LAG} of {who} is {lag:.1} s, work goes on below {:.1} s",
            limit * RESUME
        )),
        (Some(_), None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::tests_support::machine;
    use ledger::job::JobState;

    fn signal(name: &str, value: Option<f64>, age: f64) -> Signal {
        Signal {
            name: name.to_owned(),
            source: "replica1".to_owned(),
            value,
            unit: "seconds".to_owned(),
            problem: value.is_none().then(|| "not connected".to_owned()),
            required: true,
            age: Duration::from_secs_f64(age),
        }
    }

    fn check(signals: &[Signal], before: Option<&Pace>, expected: Option<&str>) {
        let mut machine = machine();
        machine.state = JobState::Backfilling;
        machine.budget.max_replica_lag = Duration::from_secs(2);
        let (pace, _) = pace(&machine, Limits::default(), Some(signals), 0, before);
        match expected {
            None => assert!(pace.go, "{pace:?}"),
            Some(part) => assert!(
                !pace.go && pace.reason.as_deref().is_some_and(|r| r.contains(part)),
                "{pace:?}"
            ),
        }
    }

    #[test]
    fn nothing_is_waited_for_where_there_is_nothing_to_sample() {
        let mut machine = machine();
        machine.state = JobState::Backfilling;
        assert!(super::pace(&machine, Limits::default(), None, 0, None).0.go);
    }

    #[test]
    fn work_stops_unless_every_required_signal_is_fresh_readable_and_low() {
        let alive = signal(SAMPLER, Some(0.0), 0.1);
        check(&[], None, Some("no verifier"));
        check(
            &[signal(SAMPLER, Some(0.0), 9.0)],
            None,
            Some("no verifier has sampled the signals for 9 s"),
        );
        check(std::slice::from_ref(&alive), None, None);
        check(&[alive.clone(), signal(REPLICA_LAG, Some(0.3), 0.1)], None, None);
        check(
            &[alive.clone(), signal(REPLICA_LAG, Some(2.5), 0.1)],
            None,
            Some("is 2.5 s, limit 2.0 s"),
        );
        check(
            &[alive.clone(), signal(REPLICA_LAG, Some(0.3), 7.0)],
            None,
            Some("last read 7 s ago"),
        );
        check(
            &[alive, signal(REPLICA_LAG, None, 0.1)],
            None,
            Some("cannot be read: not connected"),
        );
    }

    #[test]
    fn a_stopped_job_goes_on_only_below_the_resume_level() {
        let alive = signal(SAMPLER, Some(0.0), 0.1);
        let before = Pace {
            go: false,
            reason: Some("replica_lag of replica1 is 3.0 s, limit 2.0 s".to_owned()),
            max_parallel: 1,
            rows_per_second: None,
            shared: false,
        };
        check(
            &[alive.clone(), signal(REPLICA_LAG, Some(1.5), 0.1)],
            Some(&before),
            Some("goes on below 1.0 s"),
        );
        check(&[alive, signal(REPLICA_LAG, Some(0.9), 0.1)], Some(&before), None);
    }

    #[test]
    fn workers_that_know_no_shares_take_even_parts_of_the_lower_limit() {
        let mut machine = machine();
        machine.state = JobState::Backfilling;
        machine.budget.max_parallel = 4;
        machine.budget.max_rows_per_second = Some(20_000);
        let part = |machine: &Machine, target: Limits, leased| {
            let (pace, _) = super::pace(machine, target, None, leased, None);
            (pace.shared, pace.rows_per_second)
        };
        assert_eq!(part(&machine, Limits::default(), 0), (true, Some(5_000)));
        machine.budget.max_parallel = 1;
        assert_eq!(
            part(&machine, Limits::default(), 4),
            (true, Some(5_000)),
            "four leases are still in hand"
        );
        let target = Limits {
            rows: Some(400),
            wal_bytes: None,
        };
        assert_eq!(part(&machine, target, 4), (true, Some(100)));
        machine.budget.max_rows_per_second = None;
        assert_eq!(part(&machine, Limits::default(), 4), (false, None));
    }
}
