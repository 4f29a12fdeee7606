//! An application that keeps writing while a migration runs, and remembers what was acknowledged.
//!
//! Each writer has a connection and a set of keys of its own, so what a row must hold at the end is
//! known without doubt: its last acknowledged write. Everything is drawn from a seed. A migration
//! must make none of its statements fail (invariant 11) and lose none of its writes (invariant 3).

mod model;
mod table;
mod writer;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use sqlx::{PgConnection, Row as _};
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use model::{Model, Payload};
pub use table::{Column, Existing, Table};
pub use writer::Operation;

/// How much traffic.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Writers, each with its own connection.
    pub writers: u32,
    /// Pause of each writer between two statements.
    pub pause: Duration,
    /// From which everything random is drawn; printed in failures.
    pub seed: u64,
}

impl Default for Load {
    fn default() -> Self {
        Self {
            writers: 2,
            pause: Duration::from_millis(2),
            seed: fastrand::u64(..),
        }
    }
}

/// Traffic that is under way; dropping it ends it.
#[derive(Debug)]
pub struct Traffic {
    table: Table,
    seed: u64,
    stop: watch::Sender<bool>,
    writers: JoinSet<anyhow::Result<writer::Written>>,
}

/// What the traffic did.
#[derive(Debug)]
pub struct Report {
    table: Table,
    /// The seed it was drawn from.
    pub seed: u64,
    /// Acknowledged statements, by kind.
    pub acknowledged: BTreeMap<Operation, u64>,
    /// Statements that failed or did not hit the one row they were for.
    pub errors: Vec<String>,
    /// The slowest statement.
    pub slowest: Duration,
    /// What each row that it touched must hold.
    pub model: Model,
}

impl Traffic {
    /// Starts writing to `table` at `url`, as the application's role.
    ///
    /// # Errors
    /// The database cannot be reached, or the table cannot be read.
    pub async fn start(url: &str, table: Table, load: Load) -> anyhow::Result<Self> {
        let (stop, stopped) = watch::channel(false);
        let mut writers = JoinSet::new();
        for number in 0..load.writers {
            let writer = writer::Writer::connect(url, &table, load, number).await;
            let writer = writer.with_context(|| format!("traffic on {}, seed {}", table.name, load.seed))?;
            writers.spawn(writer.run(stopped.clone()));
        }
        Ok(Self {
            table,
            seed: load.seed,
            stop,
            writers,
        })
    }

    /// Ends it and gathers what it did; every statement has been answered by then.
    ///
    /// # Errors
    /// A writer panicked.
    pub async fn stop(mut self) -> anyhow::Result<Report> {
        self.stop.send_replace(true);
        let mut report = Report {
            table: self.table,
            seed: self.seed,
            acknowledged: BTreeMap::new(),
            errors: Vec::new(),
            slowest: Duration::ZERO,
            model: Model::default(),
        };
        while let Some(written) = self.writers.join_next().await {
            let written = written.context("a writer of the traffic panicked")??;
            for (operation, count) in written.acknowledged {
                *report.acknowledged.entry(operation).or_default() += count;
            }
            report.errors.extend(written.errors);
            report.slowest = report.slowest.max(written.slowest);
            report.model.absorb(written.model);
        }
        Ok(report)
    }
}

impl Report {
    /// How many statements were acknowledged.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.acknowledged.values().sum()
    }

    /// No statement failed, and there were some.
    ///
    /// # Errors
    /// Lists the first failures, with the seed.
    pub fn assert_no_errors(&self) -> anyhow::Result<()> {
        ensure!(self.total() > 0, "the traffic wrote nothing (seed {})", self.seed);
        if !self.errors.is_empty() {
            let shown = self.errors[..self.errors.len().min(5)].join("\n  ");
            bail!(
                "{} of the application's writes failed (seed {}):\n  {shown}",
                self.errors.len(),
                self.seed
            );
        }
        Ok(())
    }

    /// Every row that the traffic touched holds its last acknowledged write; deleted ones are gone.
    ///
    /// # Errors
    /// Lists the first rows that do not, with the seed.
    pub async fn assert_all_writes_found(&self, conn: &mut PgConnection) -> anyhow::Result<()> {
        let keys: Vec<i64> = self.model.keys().collect();
        let rows = engine::sql::query(self.table.read_these())
            .bind(keys)
            .fetch_all(conn)
            .await?;
        let mut found = BTreeMap::new();
        for row in rows {
            found.insert(
                row.try_get(0)?,
                Payload {
                    old: row.try_get(1)?,
                    other: row.try_get(2)?,
                },
            );
        }
        let faults = self.model.differences(&found);
        if !faults.is_empty() {
            let shown = faults[..faults.len().min(5)].join("\n  ");
            bail!(
                "{} rows of {} are not as last written (seed {}):\n  {shown}",
                faults.len(),
                self.table.name,
                self.seed
            );
        }
        Ok(())
    }
}
