//! The tables of figures, before anybody has decided how they look.

use super::results::{Planning, Results};
use super::stats::Spread;
use super::summary::{self, Entry};

/// A table with its title; the first column is text, the others are numbers.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Grid {
    pub(super) title: String,
    pub(super) head: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

/// What stands where nothing was or could be measured.
const NOTHING: &str = "-";

/// All of them that there is something to say in.
pub(super) fn grids(results: &Results) -> Vec<Grid> {
    let tables = summary::tables(results);
    // The smaller ones have a table of their own.
    let whole = tables
        .iter()
        .filter(|(table, rows)| largest(&tables, table) == *rows);
    let mut grids = Vec::new();
    for (table, rows) in whole {
        let entries = summary::entries(results, (table, *rows));
        grids.push(speed(
            &format!("{table}, {} rows", grouped(*rows as f64)),
            &entries,
        ));
        grids.push(company(
            &format!("{table}: the application and the replica beside it"),
            &entries,
        ));
        grids.push(costs(
            &format!("{table}: processor time and memory"),
            &entries,
            *rows,
        ));
    }
    grids.extend([
        scaling(results, &tables),
        checks(results),
        writes(results),
        planning(results),
    ]);
    grids.retain(|grid| !grid.rows.is_empty());
    grids
}

fn largest(tables: &[(String, u64)], table: &str) -> u64 {
    tables
        .iter()
        .filter(|(name, _)| name == table)
        .map(|(_, rows)| *rows)
        .max()
        .unwrap_or_default()
}

fn grid(title: &str, head: &[&str], rows: Vec<Vec<String>>) -> Grid {
    Grid {
        title: title.to_owned(),
        head: head.iter().map(|&name| name.to_owned()).collect(),
        rows,
    }
}

fn speed(title: &str, entries: &[Entry]) -> Grid {
    let head = [
        "method",
        "runs",
        "rows/s",
        "min",
        "max",
        "x UPDATE",
        "verified rows/s",
        "WAL B/row",
        "heap +%",
    ];
    let fills = entries.iter().filter(|entry| entry.rate.is_some());
    let row = |entry: &Entry| {
        vec![
            entry.method.clone(),
            entry.runs.to_string(),
            median(entry.rate, 0),
            entry.rate.map_or(NOTHING.to_owned(), |rate| number(rate.min, 0)),
            entry.rate.map_or(NOTHING.to_owned(), |rate| number(rate.max, 0)),
            maybe(entry.times_update, 2),
            median(entry.verified, 0),
            median(entry.wal, 0),
            median(entry.growth, 0),
        ]
    };
    grid(title, &head, fills.map(row).collect())
}

fn company(title: &str, entries: &[Entry]) -> Grid {
    let head = [
        "method",
        "p50 ms",
        "p99 ms",
        "min",
        "max",
        "x alone",
        "slowest ms",
        "failed",
        "lag max s",
        "late %",
    ];
    let row = |entry: &Entry| {
        vec![
            entry.method.clone(),
            median(entry.p50, 1),
            median(entry.p99, 1),
            entry.p99.map_or(NOTHING.to_owned(), |p99| number(p99.min, 1)),
            entry.p99.map_or(NOTHING.to_owned(), |p99| number(p99.max, 1)),
            maybe(entry.times_alone, 1),
            median(entry.max, 0),
            entry.failed.to_string(),
            median(entry.lag, 2),
            median(entry.over_limit, 1),
        ]
    };
    grid(title, &head, entries.iter().map(row).collect())
}

fn costs(title: &str, entries: &[Entry], rows: u64) -> Grid {
    let millions = rows as f64 / 1e6;
    let mut lines = Vec::new();
    for entry in entries {
        for cost in &entry.costs {
            lines.push(vec![
                format!("{}: {}", entry.method, cost.role),
                number(cost.cpu_seconds, 2),
                maybe(entry.rate.map(|_| cost.cpu_seconds / millions), 2),
                maybe(cost.peak_mib, 0),
            ]);
        }
    }
    grid(title, &["process", "CPU s", "CPU s/M rows", "peak MiB"], lines)
}

/// The method that was run over more than one size of a table.
fn scaling(results: &Results, tables: &[(String, u64)]) -> Grid {
    let sizes = |table: &str| tables.iter().filter(|(name, _)| name == table).count();
    let mut lines: Vec<(u64, Vec<String>)> = Vec::new();
    for (table, rows) in tables.iter().filter(|(table, _)| sizes(table) > 1) {
        let entries = summary::entries(results, (table, *rows));
        for entry in entries.iter().filter(|entry| entry.method == "sluice, 2 workers") {
            let name = format!("{table}, {} rows: {}", grouped(*rows as f64), entry.method);
            lines.push((
                *rows,
                vec![name, median(entry.rate, 0), median(entry.verified, 0)],
            ));
        }
    }
    lines.sort_by_key(|(rows, _)| *rows);
    let rows = lines.into_iter().map(|(_, line)| line).collect();
    grid(
        "the same over smaller tables",
        &["table", "rows/s", "verified rows/s"],
        rows,
    )
}

fn checks(results: &Results) -> Grid {
    let row = |(ours, scan): (Spread, Spread)| {
        vec![
            vec![
                "one parallel SELECT".to_owned(),
                number(scan.median, 0),
                number(1.0, 2),
            ],
            vec![
                "sluice verify".to_owned(),
                number(ours.median, 0),
                number(ours.median / scan.median, 2),
            ],
        ]
    };
    let rows = summary::checks(results).map(row).unwrap_or_default();
    grid("comparing every row", &["who", "rows/s", "x SELECT"], rows)
}

fn writes(results: &Results) -> Grid {
    let row = |entry: summary::WriteEntry| {
        let (with_triggers, without) = (entry.with_triggers.median, entry.without.median);
        vec![
            entry.what,
            number(with_triggers, 0),
            number(without, 0),
            number(with_triggers / without, 2),
        ]
    };
    let rows = summary::writes(results).into_iter().map(row).collect();
    grid(
        "writes of an application through our triggers",
        &["update", "rows/s with", "without", "ratio"],
        rows,
    )
}

fn planning(results: &Results) -> Grid {
    let all = &results.planning;
    let of = |value: fn(&Planning) -> f64, decimals| median(Spread::of(all.iter().map(value)), decimals);
    let row = |last: &Planning| {
        vec![
            format!("{} rows, simulated", grouped(last.rows as f64)),
            grouped(last.chunks as f64),
            of(|planning| planning.chunks as f64 / planning.seconds, 0),
            of(|planning| planning.looks as f64 / planning.seconds, 0),
            of(|planning| planning.grown_mib, 1),
        ]
    };
    let rows = all.last().map(row).into_iter().collect();
    let head = ["table", "chunks", "chunks/s", "decisions/s", "memory grown MiB"];
    grid("the planner's core", &head, rows)
}

fn median(spread: Option<Spread>, decimals: usize) -> String {
    maybe(spread.map(|spread| spread.median), decimals)
}

fn maybe(value: Option<f64>, decimals: usize) -> String {
    value.map_or(NOTHING.to_owned(), |value| number(value, decimals))
}

/// With commas between thousands where there are no decimals.
fn number(value: f64, decimals: usize) -> String {
    match decimals {
        0 => grouped(value),
        _ => format!("{value:.decimals$}"),
    }
}

fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < -0.5 { format!("-{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::summary::tests::example;

    #[test]
    fn thousands_are_set_apart() {
        for (value, expected) in [
            (0.0, "0"),
            (999.4, "999"),
            (999.5, "1,000"),
            (1_234_567.0, "1,234,567"),
            (-1234.0, "-1,234"),
            (-0.2, "0"),
        ] {
            assert_eq!(grouped(value), expected);
        }
    }

    #[test]
    fn every_line_has_a_cell_for_every_column() {
        let grids = grids(&example());
        let titles: Vec<&str> = grids.iter().map(|grid| grid.title.as_str()).collect();
        let expected = [
            "users_seq, 1,000 rows",
            "users_seq: the application and the replica beside it",
            "users_seq: processor time and memory",
            "comparing every row",
            "writes of an application through our triggers",
        ];
        assert_eq!(titles, expected);
        for grid in &grids {
            assert!(
                grid.rows.iter().all(|row| row.len() == grid.head.len()),
                "{grid:?}"
            );
        }
    }

    #[test]
    fn smaller_tables_are_told_beside_the_largest_only() {
        let mut results = example();
        let mut small = results.runs[2].clone();
        small.rows = 100;
        results.runs.push(small);
        let grids = grids(&results);
        let scaling = grids.iter().find(|grid| grid.title.contains("smaller")).unwrap();
        let names: Vec<&str> = scaling.rows.iter().map(|row| row[0].as_str()).collect();
        assert_eq!(
            names,
            [
                "users_seq, 100 rows: sluice, 2 workers",
                "users_seq, 1,000 rows: sluice, 2 workers"
            ]
        );
        assert!(!grids.iter().any(|grid| grid.title.starts_with("users_seq, 100 ")));
    }
}
