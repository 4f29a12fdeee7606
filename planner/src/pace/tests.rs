//! One situation after another, without a server.

use std::time::Duration;

use ledger::job::JobState;
use ledger::pace::{Kind, Pace, REPLICA_LAG, SAMPLER, Signal, StopKind};
use secrecy::SecretString;
use shared::settings::{QuerySettings, TargetThrottle};

use super::*;
use crate::decide::tests_support;

fn signal(name: &str, value: Option<f64>, age: f64) -> Signal {
    of(name, "replica1", value, age)
}

fn of(name: &str, source: &str, value: Option<f64>, age: f64) -> Signal {
    Signal {
        name: name.to_owned(),
        source: source.to_owned(),
        value,
        unit: "seconds".to_owned(),
        problem: value.is_none().then(|| "not connected".to_owned()),
        required: true,
        age: Duration::from_secs_f64(age),
    }
}

fn alive() -> Signal {
    signal(SAMPLER, Some(0.0), 0.1)
}

fn machine() -> Machine {
    let mut machine = tests_support::machine();
    machine.state = JobState::Backfilling;
    machine.budget.max_replica_lag = Duration::from_secs(2);
    machine
}

/// A job with its limits, and the settings of its target.
struct Case {
    machine: Machine,
    throttle: TargetThrottle,
}

impl Case {
    fn new() -> Self {
        Self {
            machine: machine(),
            throttle: TargetThrottle::default(),
        }
    }

    fn limited(limit: impl Fn(&mut ledger::plan::Throttle)) -> Self {
        let mut case = Self::new();
        limit(&mut case.machine.budget.throttle);
        case
    }

    fn pace(&self, signals: Option<&[Signal]>, before: Option<&Pace>, step: Step) -> Pace {
        let (pace, stop) = pace(&Situation {
            machine: &self.machine,
            tables: &["public.track".to_owned()],
            target: Limits::default(),
            throttle: &self.throttle,
            signals,
            leased: 0,
            now: Timestamp::UNIX_EPOCH,
            before,
            step,
        });
        assert_eq!(stop, StopKind::Signal);
        pace
    }

    fn check(&self, signals: &[Signal], before: Option<&Pace>, expected: Option<&str>) -> Pace {
        let pace = self.pace(Some(signals), before, Step::Due);
        match expected {
            None => assert!(pace.go && pace.signal.is_none(), "{pace:?}"),
            Some(part) => assert!(
                !pace.go && pace.signal.is_some() && pace.reason.as_deref().is_some_and(|r| r.contains(part)),
                "{part}: {pace:?}"
            ),
        }
        pace
    }
}

#[test]
fn nothing_is_waited_for_where_there_is_nothing_to_sample() {
    assert!(Case::new().pace(None, None, Step::Due).go);
}

#[test]
fn work_stops_unless_every_required_signal_is_fresh_readable_and_low() {
    let check = |signals: &[Signal], expected| {
        Case::new().check(signals, None, expected);
    };
    check(&[], Some("no verifier"));
    check(
        &[signal(SAMPLER, Some(0.0), 9.0)],
        Some("no verifier has sampled the signals for 9 s"),
    );
    check(&[alive()], None);
    check(&[alive(), signal(REPLICA_LAG, Some(0.3), 0.1)], None);
    check(
        &[alive(), signal(REPLICA_LAG, Some(2.5), 0.1)],
        Some("replica_lag of replica1 is 2.5 s, limit 2.0 s, work goes on at 1.0 s"),
    );
    check(
        &[alive(), signal(REPLICA_LAG, Some(0.3), 7.0)],
        Some("last read 7 s ago"),
    );
    check(
        &[alive(), signal(REPLICA_LAG, None, 0.1)],
        Some("cannot be read: not connected"),
    );
    let passing = Signal {
        required: false,
        ..signal(REPLICA_LAG, None, 0.1)
    };
    check(&[alive(), passing.clone()], None);
    let far_behind = Signal {
        value: Some(9.0),
        problem: None,
        ..passing
    };
    check(&[alive(), far_behind], Some("is 9.0 s"));
}

#[test]
fn a_stopped_job_goes_on_only_at_the_low_level() {
    let case = Case::new();
    let lag = |seconds| [alive(), signal(REPLICA_LAG, Some(seconds), 0.1)];
    let stopped = case.check(&lag(3.0), None, Some("limit 2.0 s"));
    assert_eq!(stopped.signal.as_deref(), Some(REPLICA_LAG));
    let still = case.check(
        &lag(1.5),
        Some(&stopped),
        Some("is 1.5 s, limit 2.0 s, work goes on at 1.0 s"),
    );
    let going = case.check(&lag(0.9), Some(&still), None);
    assert!(going.factor < 1.0, "it begins slowly: {going:?}");
    // Another signal that stopped it before says nothing about this one.
    let by_another = Pace {
        signal: Some("lock_waits".to_owned()),
        ..stopped
    };
    case.check(&lag(1.5), Some(&by_another), None);
}

#[test]
fn between_the_levels_the_pace_is_eased_and_comes_back() {
    let case = Case::new();
    let lag = |seconds| [alive(), signal(REPLICA_LAG, Some(seconds), 0.1)];
    let first = case.check(&lag(1.5), None, None);
    assert_eq!(first.factor, 0.5);
    assert!(
        first
            .eased_by
            .as_deref()
            .is_some_and(|why| why.contains("is 1.5 s")),
        "{first:?}"
    );
    let held = case.pace(Some(&lag(1.5)), Some(&first), Step::Hold);
    assert_eq!(held.factor, 0.5, "not yet time for a step");
    let mut pace = case.check(&lag(1.5), Some(&held), None);
    assert_eq!(pace.factor, 0.25);
    for _ in 0..8 {
        pace = case.check(&lag(0.1), Some(&pace), None);
    }
    assert_eq!((pace.factor, pace.eased_by), (1.0, None));
}

#[test]
fn each_limit_stops_by_its_own_signal_and_fails_closed() {
    type Limit = fn(&mut ledger::plan::Throttle);
    let cases: [(Limit, Kind, &str, f64, f64); 11] = [
        (
            |t| t.max_blocked_sessions = Some(0),
            Kind::BlockedSessions,
            "primary",
            1.0,
            0.0,
        ),
        (
            |t| t.max_slot_wal_bytes = Some(1 << 30),
            Kind::SlotWal,
            "warehouse",
            2e9,
            1e8,
        ),
        (
            |t| t.max_archive_backlog = Some(10),
            Kind::ArchiveBacklog,
            "primary",
            11.0,
            5.0,
        ),
        (
            |t| t.max_server_wal_bytes_per_second = Some(1000),
            Kind::WalRate,
            "primary",
            1001.0,
            800.0,
        ),
        (
            |t| t.max_lock_waits = Some(5),
            Kind::LockWaits,
            "primary",
            6.0,
            4.0,
        ),
        (
            |t| t.max_active_sessions = Some(50),
            Kind::ActiveSessions,
            "primary",
            51.0,
            40.0,
        ),
        (
            |t| t.max_transaction_age = Some(Duration::from_secs(60)),
            Kind::TransactionAge,
            "primary",
            61.0,
            48.0,
        ),
        (
            |t| t.max_requested_checkpoints = Some(2),
            Kind::RequestedCheckpoints,
            "primary",
            3.0,
            1.0,
        ),
        (
            |t| t.max_dead_percent = Some(20),
            Kind::DeadRows,
            "public.track",
            21.0,
            16.0,
        ),
        (
            |t| t.max_autovacuums = Some(0),
            Kind::Autovacuums,
            "public.track",
            1.0,
            0.0,
        ),
        (
            |t| t.max_batch_time = Some(Duration::from_secs(1)),
            Kind::BatchTime,
            "public.track",
            1.2,
            0.8,
        ),
    ];
    for (limit, kind, source, high, low) in cases {
        let name = kind.as_str();
        let reading = |value, age| [alive(), of(name, source, value, age)];
        Case::new().check(&reading(Some(high), 0.1), None, None);
        let case = Case::limited(limit);
        case.check(&[alive()], None, Some(&format!("{name} ")));
        let stopped = case.check(
            &reading(Some(high), 0.1),
            None,
            Some(&format!("{name} of {source} is ")),
        );
        case.check(&reading(Some(high), 9.0), None, Some("was last read 9 s ago"));
        case.check(&reading(None, 0.1), None, Some("cannot be read: not connected"));
        case.check(&reading(Some(low), 0.1), Some(&stopped), None);
    }
}

#[test]
fn of_many_sources_those_that_are_gone_do_not_count_and_of_tables_only_our_own() {
    let slots = Case::limited(|t| t.max_slot_wal_bytes = Some(10));
    let gone = of(Kind::SlotWal.as_str(), "dropped", Some(99.0), 60.0);
    let there = of(Kind::SlotWal.as_str(), "warehouse", Some(1.0), 0.1);
    slots.check(&[alive(), gone, there], None, None);
    let tables = Case::limited(|t| t.max_dead_percent = Some(10));
    let other = of(Kind::DeadRows.as_str(), "public.other", Some(99.0), 0.1);
    let ours = of(Kind::DeadRows.as_str(), "public.track", Some(1.0), 0.1);
    tables.check(&[alive(), other, ours], None, None);
}

#[test]
fn what_the_settings_name_must_be_there_and_has_levels_of_its_own() {
    let mut case = Case::new();
    case.throttle
        .replicas
        .insert("far".to_owned(), SecretString::from("postgres://far"));
    case.check(&[alive()], None, Some("replica_lag of far has not been read yet"));
    let far = of(REPLICA_LAG, "far", Some(0.1), 0.1);
    case.check(&[alive(), far.clone()], None, None);
    let query = QuerySettings {
        sql: "SELECT 1".to_owned(),
        max: 10,
        low: 4,
    };
    case.throttle.queries.insert("jobs".to_owned(), query);
    case.check(
        &[alive(), far.clone()],
        None,
        Some("query of jobs has not been read yet"),
    );
    let jobs = |value| of("query", "jobs", Some(value), 0.1);
    let stopped = case.check(
        &[alive(), far.clone(), jobs(11.0)],
        None,
        Some("query of jobs is 11, limit 10, work goes on at 4"),
    );
    case.check(
        &[alive(), far.clone(), jobs(5.0)],
        Some(&stopped),
        Some("is 5, limit 10"),
    );
    case.throttle
        .checks
        .insert("freno".to_owned(), SecretString::from("http://freno"));
    let freno = |value| of("http_check", "freno", value, 0.1);
    let check = |answer, expected| {
        case.check(&[alive(), far.clone(), jobs(1.0), freno(answer)], None, expected);
    };
    check(Some(200.0), None);
    check(
        Some(429.0),
        Some("http_check of freno answers 429, work goes on when it answers 200"),
    );
    check(None, Some("http_check of freno cannot be read"));
}

#[test]
fn outside_of_its_hours_a_job_writes_nothing_wherever_it_is() {
    let case = Case::limited(|t| t.windows = vec!["22:00-06:00 Asia/Tokyo".to_owned()]);
    // The epoch is nine o'clock in Tokyo.
    for signals in [Some([alive()]), None] {
        let pace = case.pace(signals.as_ref().map(|s| s.as_slice()), None, Step::Due);
        assert!(!pace.go && pace.signal.as_deref() == Some(WINDOW), "{pace:?}");
        assert!(pace.reason.unwrap().contains("outside of 22:00-06:00 Asia/Tokyo"));
    }
}

#[test]
fn workers_that_know_no_shares_take_even_parts_of_the_lower_limit() {
    let mut machine = machine();
    machine.budget.max_parallel = 4;
    machine.budget.max_rows_per_second = Some(20_000);
    let part = |machine: &Machine, target: Limits, leased| {
        let (pace, _) = pace(&Situation {
            machine,
            tables: &[],
            target,
            throttle: &TargetThrottle::default(),
            signals: None,
            leased,
            now: Timestamp::UNIX_EPOCH,
            before: None,
            step: Step::Due,
        });
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
