//! Medians over the rounds, and ratios between them.

use super::method::{ALONE, UPDATE};
use super::results::{Cost, Results, Run};
use super::stats::Spread;

/// One method over one table.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) method: String,
    pub(super) runs: usize,
    /// Rows a second of the fill.
    pub(super) rate: Option<Spread>,
    /// That of the plain UPDATE goes into it so often.
    pub(super) times_update: Option<f64>,
    /// Rows a second until every row was compared.
    pub(super) verified: Option<Spread>,
    pub(super) wal: Option<Spread>,
    pub(super) growth: Option<Spread>,
    pub(super) lag: Option<Spread>,
    pub(super) over_limit: Option<Spread>,
    pub(super) p50: Option<Spread>,
    pub(super) p99: Option<Spread>,
    /// p99 of the application alone goes into it so often.
    pub(super) times_alone: Option<f64>,
    pub(super) max: Option<Spread>,
    pub(super) failed: usize,
    pub(super) costs: Vec<RoleCost>,
}

/// What a role has cost: all its processes together, of memory the largest.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RoleCost {
    pub(super) role: String,
    pub(super) cpu_seconds: f64,
    pub(super) peak_mib: Option<f64>,
}

/// The tables that were measured, with their sizes, in the order in which that happened.
pub(super) fn tables(results: &Results) -> Vec<(String, u64)> {
    let mut tables = Vec::new();
    for run in &results.runs {
        let table = (run.table.clone(), run.rows);
        if !tables.contains(&table) {
            tables.push(table);
        }
    }
    tables
}

/// Every method over a table, in the order of a round.
pub(super) fn entries(results: &Results, (table, rows): (&str, u64)) -> Vec<Entry> {
    let runs: Vec<&Run> = results
        .runs
        .iter()
        .filter(|run| run.table == table && run.rows == rows && run.fault.is_none())
        .collect();
    let mut methods: Vec<&str> = Vec::new();
    for run in &runs {
        if !methods.contains(&run.method.as_str()) {
            methods.push(&run.method);
        }
    }
    let of = |method: &str| {
        runs.iter()
            .copied()
            .filter(|run| run.method == method)
            .collect::<Vec<_>>()
    };
    let update = spread(&of(UPDATE), rate).map(|spread| spread.median);
    let alone = spread(&of(ALONE), |run| Some(run.application.p99_ms)).map(|spread| spread.median);
    methods
        .iter()
        .map(|method| entry(method, &of(method), (update, alone)))
        .collect()
}

fn entry(method: &str, runs: &[&Run], (update, alone): (Option<f64>, Option<f64>)) -> Entry {
    let fills = |value: f64, run: &Run| run.fill_seconds.map(|_| value);
    let rate = spread(runs, rate);
    let p99 = spread(runs, |run| Some(run.application.p99_ms));
    Entry {
        method: method.to_owned(),
        runs: runs.len(),
        times_update: ratio(rate, update),
        rate,
        verified: spread(runs, |run| Some(run.rows as f64 / run.verified_seconds?)),
        wal: spread(runs, |run| run.wal_bytes_per_row),
        growth: spread(runs, |run| fills(run.heap_growth_percent, run)),
        lag: spread(runs, |run| Some(run.lag.max_seconds)),
        over_limit: spread(runs, |run| Some(run.lag.over_limit_percent)),
        p50: spread(runs, |run| Some(run.application.p50_ms)),
        times_alone: ratio(p99, alone),
        p99,
        max: spread(runs, |run| Some(run.application.max_ms)),
        failed: runs.iter().map(|run| run.application.failed).sum(),
        costs: costs(runs),
    }
}

fn rate(run: &Run) -> Option<f64> {
    Some(run.rows as f64 / run.fill_seconds?)
}

fn spread(runs: &[&Run], value: impl Fn(&Run) -> Option<f64>) -> Option<Spread> {
    Spread::of(runs.iter().filter_map(|run| value(run)))
}

fn ratio(of: Option<Spread>, to: Option<f64>) -> Option<f64> {
    Some(of?.median / to.filter(|to| *to > 0.0)?)
}

fn costs(runs: &[&Run]) -> Vec<RoleCost> {
    let mut roles: Vec<&str> = Vec::new();
    for cost in runs.iter().flat_map(|run| &run.costs) {
        if !roles.contains(&cost.role.as_str()) {
            roles.push(&cost.role);
        }
    }
    let of = |run: &Run, role: &str| -> Vec<Cost> {
        run.costs
            .iter()
            .filter(|cost| cost.role == role)
            .cloned()
            .collect()
    };
    let cost = |role: &str| {
        let cpu = runs
            .iter()
            .map(|run| of(run, role).iter().map(|cost| cost.cpu_seconds).sum::<f64>());
        let peaks = runs
            .iter()
            .flat_map(|run| of(run, role))
            .filter_map(|cost| cost.peak_mib);
        RoleCost {
            role: role.to_owned(),
            cpu_seconds: Spread::of(cpu).unwrap_or_default().median,
            peak_mib: peaks.reduce(f64::max),
        }
    };
    roles.into_iter().map(cost).collect()
}

/// Writes of one kind: medians with and without triggers.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct WriteEntry {
    pub(super) what: String,
    pub(super) with_triggers: Spread,
    pub(super) without: Spread,
}

pub(super) fn writes(results: &Results) -> Vec<WriteEntry> {
    let mut kinds: Vec<&str> = Vec::new();
    for writes in &results.writes {
        if !kinds.contains(&writes.what.as_str()) {
            kinds.push(&writes.what);
        }
    }
    let of = |what: &str| {
        let some = || results.writes.iter().filter(move |writes| writes.what == what);
        Some(WriteEntry {
            what: what.to_owned(),
            with_triggers: Spread::of(some().map(|writes| writes.with_triggers))?,
            without: Spread::of(some().map(|writes| writes.without))?,
        })
    };
    kinds.iter().filter_map(|what| of(what)).collect()
}

/// Our check and the scan.
pub(super) fn checks(results: &Results) -> Option<(Spread, Spread)> {
    let ours = Spread::of(results.checks.iter().map(|check| check.ours))?;
    Some((ours, Spread::of(results.checks.iter().map(|check| check.scan))?))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::bench::results::{Application, Check, Lag, Writes};

    fn run(method: &str, round: u32, seconds: f64, p99: f64) -> Run {
        Run {
            table: "users_seq".to_owned(),
            rows: 1000,
            method: method.to_owned(),
            round,
            fill_seconds: (method != ALONE).then_some(seconds),
            application: Application {
                p99_ms: p99,
                ..Application::default()
            },
            lag: Lag::default(),
            ..Run::default()
        }
    }

    fn cost(role: &str, cpu_seconds: f64, peak_mib: f64) -> Cost {
        Cost {
            role: role.to_owned(),
            cpu_seconds,
            peak_mib: Some(peak_mib),
        }
    }

    /// Two rounds of three methods.
    pub(in crate::bench) fn example() -> Results {
        let mut results = Results::begin("bench", jiff::Timestamp::UNIX_EPOCH);
        for (round, slower) in [(1, 1.0), (2, 2.0)] {
            let ours = Run {
                verified_seconds: Some(8.0 * slower),
                wal_bytes_per_row: Some(500.0),
                costs: vec![
                    cost("backfiller", slower, 10.0),
                    cost("backfiller", 1.0, 20.0),
                    cost("planner", 0.5, 5.0),
                ],
                ..run("sluice, 2 workers", round, 4.0 * slower, 6.0)
            };
            results.runs.extend([
                run(ALONE, round, 1.0, 2.0),
                run(UPDATE, round, 6.0 * slower, 100.0),
                ours,
            ]);
        }
        results.writes.push(Writes {
            what: "one row, email".to_owned(),
            with_triggers: 60.0,
            without: 100.0,
            ..Writes::default()
        });
        results.checks.push(Check {
            ours: 8.0,
            scan: 10.0,
            ..Check::default()
        });
        results
    }

    #[test]
    fn ratios_are_those_of_medians_within_one_table() {
        let mut results = example();
        // Another size of the same table has nothing to do with it.
        results.runs.push(Run {
            rows: 10,
            ..run(UPDATE, 1, 0.001, 1.0)
        });
        assert_eq!(
            tables(&results),
            [("users_seq".to_owned(), 1000), ("users_seq".to_owned(), 10)]
        );
        let entries = entries(&results, ("users_seq", 1000));
        let ours = &entries[2];
        assert_eq!((ours.method.as_str(), ours.runs), ("sluice, 2 workers", 2));
        // 250 and 125 rows a second beside 166.7 and 83.3.
        assert!((ours.times_update.unwrap() - 1.5).abs() < 1e-9);
        assert_eq!(ours.times_alone, Some(3.0));
        assert_eq!(ours.verified.unwrap().max, 125.0);
        assert_eq!(
            (entries[0].rate, entries[0].times_update),
            (None, None),
            "nothing was filled"
        );
    }

    #[test]
    fn the_processes_of_a_role_are_added_up_but_not_their_memory() {
        let entries = entries(&example(), ("users_seq", 1000));
        let backfiller = &entries[2].costs[0];
        assert_eq!((backfiller.cpu_seconds, backfiller.peak_mib), (2.5, Some(20.0)));
    }

    #[test]
    fn a_run_that_left_a_row_wrong_counts_in_no_figure() {
        let mut results = example();
        results.runs.push(Run {
            fault: Some("1 of 1000 rows are wrong".to_owned()),
            ..run("sluice, 2 workers", 3, 0.001, 1.0)
        });
        let entries = entries(&results, ("users_seq", 1000));
        assert_eq!((entries[2].runs, entries[2].rate.unwrap().max), (2, 250.0));
    }

    #[test]
    fn without_a_plain_update_there_is_no_ratio() {
        let mut results = example();
        results.runs.retain(|run| run.method != UPDATE);
        assert!(
            entries(&results, ("users_seq", 1000))
                .iter()
                .all(|entry| entry.times_update.is_none())
        );
    }
}
