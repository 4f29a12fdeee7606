//! What came of a seed, in the counts of a Jepsen report.

use std::collections::BTreeMap;

use anyhow::Context as _;

use super::plan::Kind;
use crate::database::Database;
use crate::oracle;
use crate::tracks;
use crate::traffic::{Report, Shape};
use crate::watch::Watched;

/// Counts of one seed, or of many.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Writes that the application sent.
    pub attempted: u64,
    /// Those that the database answered.
    pub acknowledged: u64,
    /// Those that took place, by the audit.
    pub applied: u64,
    /// Rows that do not hold their last acknowledged write.
    pub lost: u64,
    /// Writes of the application that took place twice, and rows that Sluice wrote again although they were right.
    pub doubled: u64,
    /// Rows that Sluice wrote, by the audit.
    pub filled: u64,
    /// By how much the ledger counts others.
    pub miscounted: u64,
    /// Rows whose new side does not follow from the old one.
    pub wrong: u64,
    /// Faults, by kind.
    pub faults: BTreeMap<Kind, u64>,
}

/// What must not be.
#[derive(Clone, Debug)]
pub struct Violation(pub Vec<String>);

impl Tally {
    /// Adds another one.
    pub fn add(&mut self, other: &Self) {
        self.attempted += other.attempted;
        self.acknowledged += other.acknowledged;
        self.applied += other.applied;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.filled += other.filled;
        self.miscounted += other.miscounted;
        self.wrong += other.wrong;
        for (kind, count) in &other.faults {
            *self.faults.entry(*kind).or_default() += count;
        }
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} attempted, {} acknowledged, {} applied, {} lost, {} doubled; {} rows filled, {} miscounted, {} wrong",
            self.attempted,
            self.acknowledged,
            self.applied,
            self.lost,
            self.doubled,
            self.filled,
            self.miscounted,
            self.wrong
        )
    }
}

/// Asks everything, and does not stop at the first thing that is wrong.
pub(super) async fn judge(
    job: &Watched<'_>,
    database: &Database<'_>,
    report: &Report,
) -> anyhow::Result<(Tally, Vec<String>)> {
    const OPEN: &str =
        "SELECT count(*) FROM sluice.task WHERE job = $1 AND kind = 'chunk' AND state IN ('ready', 'leased')";
    let mut faults = Vec::new();
    let mut conn = database.superuser().await?;
    let (table, wrong) = (tracks::EXPECTED.table, tracks::EXPECTED.wrong);
    let differences = report
        .differences(&mut database.reader().await?, Shape::Old)
        .await?;
    let applied = count(oracle::rows_logged(&mut conn, "application").await?)?;
    let expected = report.writes() + report.found_applied;
    if applied != expected {
        faults.push(format!(
            "{applied} writes of the application are in the table, {expected} took place"
        ));
    }
    let needless = count(oracle::rewritten_though_right(&mut conn, table, wrong).await?)?;
    let twice = oracle::rewritten_twice(&mut conn).await?;
    let filled = count(oracle::rows_logged_for_sluice(&mut conn).await?)?;
    let counted = count(oracle::rows_changed(&mut conn, job.id).await?)?;
    let tally = Tally {
        attempted: report.attempted,
        acknowledged: report.writes(),
        applied,
        lost: differences.len() as u64,
        doubled: applied.saturating_sub(expected) + needless.max(twice.len() as u64),
        filled,
        miscounted: filled.abs_diff(counted),
        wrong: count(oracle::mismatched(&mut conn, table, wrong).await?)?
            + count(oracle::left_wrong(&mut conn, table, wrong).await?)?,
        faults: BTreeMap::new(),
    };
    for (what, found) in [
        ("rows are not as last written", tally.lost),
        ("writes are doubled", tally.doubled),
        (
            "rows are counted in the ledger and not written, or the other way",
            tally.miscounted,
        ),
        ("rows are wrong", tally.wrong),
        ("chunks are open", count(job.value(OPEN).await?)?),
    ] {
        if found > 0 {
            faults.push(format!("{found} {what}"));
        }
    }
    faults.extend(differences.into_iter().take(5));
    faults.extend(report.errors.iter().take(5).cloned());
    if report.total() == 0 {
        faults.push("the application did nothing".to_owned());
    }
    if let Err(error) = oracle::chunks_tile(&mut conn, job.id).await {
        faults.push(format!("{error:#}"));
    }
    Ok((tally, faults))
}

fn count(number: i64) -> anyhow::Result<u64> {
    u64::try_from(number).context("a count is negative")
}
