//! What was asked for.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

/// Measures what a fill costs, ours beside one plain UPDATE, and prints medians of runs that take turns.
#[derive(Clone, Debug, Parser, PartialEq, Eq)]
#[command(name = "cargo xtask bench")]
pub struct Order {
    /// Small tables, one round, two minutes at most: for every day. What did not fit in is named.
    #[arg(long)]
    pub short: bool,
    /// Rows of users_seq; users_uuid has half as many. Default: 10000000, with --short 200000.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1000..))]
    rows: Option<u64>,
    /// How often each method runs. Default: 3, with --short 1.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    runs: Option<u32>,
    /// Only this; may be given several times. Ratios to the plain UPDATE need `update`.
    #[arg(long, value_enum, value_name = "PART")]
    only: Vec<Part>,
    /// Only this table; may be given several times.
    #[arg(long, value_enum, value_name = "TABLE")]
    table: Vec<Kind>,
    /// A peer's command, run by `sh -c`; may be given several times. It must fill $BENCH_TABLE.$BENCH_COLUMN (which it adds itself, type
    /// text) with $BENCH_UP in the database at $DATABASE_URL, whose role owns the table, and end with status 0.
    #[arg(long, value_name = "NAME=COMMAND", value_parser = peer)]
    peer: Vec<Peer>,
    /// Where every single run goes.
    #[arg(long, value_name = "FILE", default_value = "target/bench.json")]
    pub json: PathBuf,
    /// Write docs/performance.md anew from what comes of it.
    #[arg(long)]
    pub write_docs: bool,
    /// Measure nothing: tell once more what an earlier run has left in its JSON file.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["short", "rows", "runs", "only", "table", "peer"])]
    pub from: Option<PathBuf>,
    /// After each run, show the statements that took the server most time; costs a little of it.
    #[arg(long)]
    pub statements: bool,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Part {
    /// The application with nothing beside it.
    Alone,
    /// One UPDATE of the whole table, no triggers.
    Update,
    /// UPDATEs of 10,000 keys each on one connection, no triggers.
    Keyset,
    /// `sluice run` with one worker, at full speed.
    #[value(name = "sluice-1")]
    One,
    /// The same with two.
    #[value(name = "sluice-2")]
    Two,
    /// The same with four.
    #[value(name = "sluice-4")]
    Four,
    /// Planner, two backfillers and verifier over RabbitMQ, at full speed.
    Rabbitmq,
    /// `sluice run` as a spec has it that says nothing of its pace.
    Throttled,
    /// What our triggers cost the application's writes.
    Triggers,
    /// Our check of a whole table beside one parallel scan.
    Check,
    /// Full speed, two workers, on tables of a hundredth and a tenth of the rows.
    Scaling,
    /// What a decision of the planner costs, and whether its memory follows the table: a simulated billion rows.
    Planning,
}

/// A table: they differ in their key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Kind {
    /// `users_seq`: a bigint that grows with the table.
    Seq,
    /// `users_uuid`: a random uuid, so that neighbors in the index are nowhere near each other in the table.
    Uuid,
}

/// Somebody else's way to fill a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Peer {
    pub(super) name: String,
    pub(super) command: String,
}

fn peer(text: &str) -> Result<Peer, String> {
    match text.split_once('=') {
        Some((name, command)) if !name.trim().is_empty() && !command.trim().is_empty() => Ok(Peer {
            name: name.trim().to_owned(),
            command: command.trim().to_owned(),
        }),
        Some(_) | None => Err("a peer is NAME=COMMAND".to_owned()),
    }
}

/// So that two minutes are never exceeded by what is begun in time: the longest run is asked to fit in, too.
const SHORT: Duration = Duration::from_secs(105);

impl Order {
    /// Rows of a table.
    pub(super) fn rows(&self, kind: Kind) -> u64 {
        let rows = self.rows.unwrap_or(if self.short { 200_000 } else { 10_000_000 });
        match kind {
            Kind::Seq => rows,
            Kind::Uuid => rows / 2,
        }
    }

    /// How often.
    pub(super) fn rounds(&self) -> u32 {
        self.runs.unwrap_or(if self.short { 1 } else { 3 })
    }

    /// Which tables.
    pub(super) fn tables(&self) -> Vec<Kind> {
        let all = [Kind::Seq, Kind::Uuid];
        all.into_iter()
            .filter(|kind| self.table.is_empty() || self.table.contains(kind))
            .collect()
    }

    pub(super) fn peers(&self) -> &[Peer] {
        &self.peer
    }

    /// Whether it is to be measured. In the short mode the second table is asked for no more than what its ratio needs.
    pub(super) fn wants(&self, part: Part, kind: Kind) -> bool {
        let brief = self.short && kind == Kind::Uuid && !matches!(part, Part::Update | Part::Two);
        if self.only.is_empty() {
            !brief
        } else {
            self.only.contains(&part)
        }
    }

    /// Sizes of the smaller tables on which cost is followed: a hundredth and a tenth, if that is a table worth the name.
    pub(super) fn smaller_sizes(&self) -> Vec<u64> {
        let rows = self.rows(Kind::Seq);
        [rows / 100, rows / 10]
            .into_iter()
            .filter(|rows| *rows >= 10_000)
            .collect()
    }

    /// Nothing is begun that would probably not end within this time.
    pub(super) fn limit(&self) -> Option<Duration> {
        self.short.then_some(SHORT)
    }

    /// How long the application is measured alone, and each kind of write with and without triggers.
    pub(super) fn windows(&self) -> (Duration, Duration) {
        let seconds = Duration::from_secs;
        if self.short {
            (seconds(4), seconds(1))
        } else {
            (seconds(30), seconds(5))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Order, clap::Error> {
        Order::try_parse_from(std::iter::once("bench").chain(text.split_whitespace()))
    }

    #[test]
    fn the_default_is_ten_million_rows_and_three_rounds_without_a_limit() {
        let order = parse("").unwrap();
        assert_eq!(
            (order.rows(Kind::Seq), order.rows(Kind::Uuid), order.rounds()),
            (10_000_000, 5_000_000, 3)
        );
        assert_eq!(order.smaller_sizes(), [100_000, 1_000_000]);
        assert_eq!(order.limit(), None);
        assert!(order.wants(Part::Keyset, Kind::Uuid) && order.wants(Part::Triggers, Kind::Seq));
    }

    #[test]
    fn the_short_mode_is_limited_and_its_sizes_can_still_be_given() {
        let order = parse("--short").unwrap();
        assert_eq!((order.rows(Kind::Seq), order.rounds()), (200_000, 1));
        assert!(order.limit().unwrap() < Duration::from_secs(120));
        assert!(order.wants(Part::Two, Kind::Uuid) && !order.wants(Part::Keyset, Kind::Uuid));
        let order = parse("--short --rows 50000 --runs 2").unwrap();
        assert_eq!((order.rows(Kind::Seq), order.rounds()), (50_000, 2));
        assert!(order.smaller_sizes().is_empty());
    }

    #[test]
    fn only_what_is_named_is_measured() {
        let order = parse("--only update --only sluice-2 --table uuid").unwrap();
        assert!(order.wants(Part::Two, Kind::Uuid) && !order.wants(Part::Four, Kind::Uuid));
        assert_eq!(order.tables(), [Kind::Uuid]);
    }

    #[test]
    fn a_peer_is_a_name_and_a_command() {
        let args = ["bench", "--peer", "tool = run --url=$DATABASE_URL"];
        let order = Order::try_parse_from(args).unwrap();
        let expected = Peer {
            name: "tool".to_owned(),
            command: "run --url=$DATABASE_URL".to_owned(),
        };
        assert_eq!(order.peers(), [expected]);
        for wrong in ["tool", "=x", "tool="] {
            assert!(
                Order::try_parse_from(["bench", "--peer", wrong]).is_err(),
                "{wrong}"
            );
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for wrong in [
            "--rows 0",
            "--runs 0",
            "--only speed",
            "--table x",
            "--from f --short",
            "now",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
