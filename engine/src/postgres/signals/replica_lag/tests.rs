//! Lag from made-up positions and times; no server.

use super::*;

const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn streaming(name: &str, replayed: u64) -> ReplicaRow {
    ReplicaRow {
        name: name.into(),
        state: Some("streaming".into()),
        replayed: Some(replayed),
    }
}

/// The only reading's lag and problem.
fn only(readings: &[Reading]) -> (Option<Duration>, Option<&str>) {
    assert_eq!(readings.len(), 1, "{readings:?}");
    (readings[0].lag, readings[0].problem.as_deref())
}

#[test]
fn the_lag_is_the_age_of_the_oldest_write_not_replayed() {
    let mut lag = ReplicaLag::new(vec![]);
    lag.observe(seconds(0), 100, &[streaming("a", 100)]);
    for n in 1..=10 {
        lag.observe(seconds(n), 100 + n, &[streaming("a", 100)]);
    }
    assert_eq!(
        only(&lag.observe(seconds(11), 111, &[streaming("a", 104)])),
        (Some(seconds(6)), None)
    );
    assert_eq!(
        only(&lag.observe(seconds(12), 111, &[streaming("a", 111)])),
        (Some(seconds(0)), None)
    );
}

#[test]
fn an_idle_primary_has_no_lag_and_a_hanging_replica_keeps_growing() {
    let mut lag = ReplicaLag::new(vec![]);
    lag.observe(seconds(0), 100, &[streaming("a", 100)]);
    assert_eq!(
        only(&lag.observe(seconds(3600), 100, &[streaming("a", 100)])),
        (Some(seconds(0)), None)
    );
    lag.observe(seconds(3601), 101, &[streaming("a", 100)]);
    for n in 2..5000 {
        lag.observe(seconds(3600 + n), 101, &[streaming("a", 100)]);
    }
    assert_eq!(
        only(&lag.observe(seconds(9000), 101, &[streaming("a", 100)])),
        (Some(seconds(5399)), None)
    );
}

#[test]
fn a_replica_behind_the_first_sample_is_a_problem_until_it_catches_up() {
    let mut lag = ReplicaLag::new(vec![]);
    let readings = lag.observe(seconds(0), 100, &[streaming("a", 40)]);
    assert!(
        only(&readings).1.unwrap().contains("not yet replayed"),
        "{readings:?}"
    );
    assert_eq!(
        only(&lag.observe(seconds(1), 120, &[streaming("a", 100)])).1,
        None
    );
}

#[test]
fn a_replica_that_vanishes_is_a_problem_and_not_a_lag_of_zero() {
    let mut lag = ReplicaLag::new(vec![]);
    lag.observe(seconds(0), 100, &[streaming("a", 100), streaming("a", 100)]);
    let readings = lag.observe(seconds(1), 100, &[streaming("a", 100)]);
    assert!(
        readings[1]
            .problem
            .as_deref()
            .unwrap()
            .contains("only 1 of the 2"),
        "{readings:?}"
    );
    let readings = lag.observe(seconds(2), 100, &[]);
    assert_eq!(readings.len(), 1);
    assert!(readings[0].problem.is_some() && readings[0].lag.is_none());
}

#[test]
fn a_configured_replica_must_be_there_from_the_start() {
    let mut lag = ReplicaLag::new(vec!["b".into()]);
    let readings = lag.observe(seconds(0), 100, &[]);
    assert_eq!(only(&readings).1, Some("it is not connected to the primary"));
    assert_eq!(
        only(&lag.observe(seconds(1), 100, &[streaming("b", 100)])),
        (Some(seconds(0)), None)
    );
}

#[test]
fn a_replica_that_joins_later_counts_while_it_is_there() {
    let mut lag = ReplicaLag::new(vec![]);
    assert!(lag.observe(seconds(0), 100, &[]).is_empty());
    assert_eq!(
        only(&lag.observe(seconds(1), 101, &[streaming("a", 100)])).0,
        Some(seconds(0))
    );
    assert!(lag.observe(seconds(2), 101, &[]).is_empty());
}

#[test]
fn what_cannot_be_read_or_does_not_stream_fails_closed() {
    for (state, replayed, expected) in [
        (None, None, "pg_monitor"),
        (Some("catchup"), Some(100), "not streaming"),
        (Some("streaming"), None, "does not report"),
    ] {
        let row = ReplicaRow {
            name: "a".into(),
            state: state.map(str::to_owned),
            replayed,
        };
        let readings = ReplicaLag::new(vec![]).observe(seconds(0), 100, &[row]);
        assert!(only(&readings).1.unwrap().contains(expected), "{readings:?}");
    }
}

#[test]
fn memory_stays_bounded_and_never_understates() {
    let mut history = History::default();
    for n in 0..200_000_u64 {
        history.remember(Duration::from_millis(n * 10), n);
    }
    // Written at 1,999 s, seen as one of the marks at most a tenth of a second older.
    let age = history.lag(seconds(2000), 199_899).unwrap();
    assert!(age >= seconds(1) && age <= Duration::from_millis(1100), "{age:?}");
    // Beyond the horizon the age is at least the horizon.
    assert!(history.lag(seconds(2000), 5).unwrap() >= seconds(600));
}
