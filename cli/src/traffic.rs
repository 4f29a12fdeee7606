//! An application that keeps writing while a migration runs, and remembers what was acknowledged.
//!
//! `sluice demo` shows a migration under it, and the tests of the whole run under the same.
//!
//! Each writer has a connection and a set of keys of its own, so what a row must hold at the end is
//! known without doubt: its last acknowledged write. Everything is drawn from a seed. A migration
//! must make none of its statements fail (invariant 11) and lose none of its writes (invariant 3).

mod keys;
mod latency;
mod model;
mod outage;
mod release;
mod table;
mod writer;

use std::collections::BTreeMap;
use std::time::Duration;

use engine::db::{self, Connection};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

pub use latency::{Histogram, Latencies, Phase};
pub use model::{Model, Payload, Shape};
pub use outage::Outages;
pub use release::Release;
pub use table::{Column, Existing, Moved, Table};
pub use writer::Operation;

/// How much traffic, and of what kind.
#[derive(Clone, Debug)]
pub struct Load {
    /// What the application knows of the migration.
    pub release: Release,
    /// Writers, each with its own connection.
    pub writers: u32,
    /// Pause of each writer between two statements.
    pub pause: Duration,
    /// From which everything random is drawn; printed in failures.
    pub seed: u64,
    /// What an outage of the database means.
    pub outages: Outages,
}

impl Default for Load {
    fn default() -> Self {
        Self {
            release: Release::Old,
            writers: 2,
            pause: Duration::from_millis(2),
            seed: fastrand::u64(..),
            outages: Outages::AreFaults,
        }
    }
}

/// Traffic that is under way; dropping it ends it.
#[derive(Debug)]
pub struct Traffic {
    table: Table,
    seed: u64,
    stop: watch::Sender<bool>,
    phase: watch::Sender<Phase>,
    writers: JoinSet<Result<writer::Written, sqlx::Error>>,
}

/// Why there is no traffic, or it was not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot begin, or not end.
    #[error("the application's traffic on {table} cannot {doing} (seed {seed})")]
    Connection {
        /// On which table.
        table: String,
        /// `begin` or `end`.
        doing: &'static str,
        /// What it was drawn from.
        seed: u64,
        /// What the driver or the server said.
        source: sqlx::Error,
    },
    /// A writer panicked.
    #[error("a writer of the application's traffic panicked")]
    Panicked(#[source] JoinError),
    /// What it wrote cannot be read again.
    #[error("what the application wrote to {table} cannot be read again")]
    Unread {
        /// In which table.
        table: String,
        /// What the driver or the server said.
        source: sqlx::Error,
    },
    /// It did nothing, so nothing is proven.
    #[error("the traffic wrote nothing (seed {0})")]
    Idle(u64),
    /// Something of it went wrong.
    #[error("{what} (seed {seed}):{}", .shown.iter().map(|fault| format!("\n  {fault}")).collect::<String>())]
    Faults {
        /// How many of what.
        what: String,
        /// What it was drawn from.
        seed: u64,
        /// The first ones.
        shown: Vec<String>,
    },
}

/// What the traffic did.
#[derive(Debug)]
pub struct Report {
    table: Table,
    /// The seed it was drawn from.
    pub seed: u64,
    /// Acknowledged statements, by kind.
    pub acknowledged: BTreeMap<Operation, u64>,
    /// How many of them read or wrote the new side.
    pub on_new: u64,
    /// Writes that were sent, answered or not.
    pub attempted: u64,
    /// Writes that an outage left without an answer, and that were found in the table afterwards.
    pub found_applied: u64,
    /// Statements that failed or did not hit the one row they were for.
    pub errors: Vec<String>,
    /// The slowest statement.
    pub slowest: Duration,
    /// How long statements took.
    pub latencies: Latencies,
    /// What each row that it touched must hold.
    pub model: Model,
}

impl Traffic {
    /// Starts writing to `table` at `url`, as the application's role.
    ///
    /// # Errors
    /// The database cannot be reached, or the table cannot be read.
    pub async fn start(url: &str, table: Table, load: Load) -> Result<Self, Error> {
        let (stop, stopped) = watch::channel(false);
        let (phase, in_phase) = watch::channel(Phase::default());
        let mut writers = JoinSet::new();
        for number in 0..load.writers {
            let told = writer::Told {
                stop: stopped.clone(),
                phase: in_phase.clone(),
            };
            let writer = writer::Writer::connect(url, &table, &load, number, told).await;
            let writer = writer.map_err(|source| Error::Connection {
                table: table.name.clone(),
                doing: "begin",
                seed: load.seed,
                source,
            })?;
            writers.spawn(writer.run());
        }
        Ok(Self {
            table,
            seed: load.seed,
            stop,
            phase,
            writers,
        })
    }

    /// From now on statements count for this phase.
    pub fn mark(&self, phase: Phase) {
        self.phase.send_replace(phase);
    }

    /// Ends it and gathers what it did; every statement has been answered by then.
    ///
    /// # Errors
    /// A writer panicked.
    pub async fn stop(mut self) -> Result<Report, Error> {
        self.stop.send_replace(true);
        let mut report = Report {
            table: self.table,
            seed: self.seed,
            acknowledged: BTreeMap::new(),
            on_new: 0,
            attempted: 0,
            found_applied: 0,
            errors: Vec::new(),
            slowest: Duration::ZERO,
            latencies: Latencies::default(),
            model: Model::default(),
        };
        while let Some(written) = self.writers.join_next().await {
            let written = written
                .map_err(Error::Panicked)?
                .map_err(|source| Error::Connection {
                    table: report.table.name.clone(),
                    doing: "end",
                    seed: report.seed,
                    source,
                })?;
            for (operation, count) in written.acknowledged {
                *report.acknowledged.entry(operation).or_default() += count;
            }
            report.on_new += written.on_new;
            report.attempted += written.attempted;
            report.found_applied += written.found_applied;
            report.errors.extend(written.errors);
            report.slowest = report.slowest.max(written.slowest);
            report.latencies.absorb(&written.latencies);
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

    /// How many of them were writes.
    #[must_use]
    pub fn writes(&self) -> u64 {
        let reads = self
            .acknowledged
            .get(&Operation::Read)
            .copied()
            .unwrap_or_default();
        self.total() - reads
    }

    /// No statement failed, and there were some.
    ///
    /// # Errors
    /// Lists the first failures, with the seed.
    pub fn assert_no_errors(&self) -> Result<(), Error> {
        if self.total() == 0 {
            return Err(Error::Idle(self.seed));
        }
        self.none_of(&self.errors, "of the application's statements failed")
    }

    /// Every row that the traffic touched holds its last acknowledged write; deleted ones are gone.
    ///
    /// # Errors
    /// Lists the first rows that do not, with the seed.
    pub async fn assert_all_writes_found(&self, conn: &mut Connection) -> Result<(), Error> {
        self.assert_all_writes_found_in(conn, Shape::Old).await
    }

    /// The same, in the sides that the table has by now.
    ///
    /// # Errors
    /// Lists the first rows that do not, with the seed.
    pub async fn assert_all_writes_found_in(&self, conn: &mut Connection, shape: Shape) -> Result<(), Error> {
        let faults = self.differences(conn, shape).await?;
        self.none_of(
            &faults,
            &format!("rows of {} are not as last written", self.table.name),
        )
    }

    /// The rows that do not hold their last acknowledged write, one sentence a row.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn differences(&self, conn: &mut Connection, shape: Shape) -> Result<Vec<String>, Error> {
        let found = self.found(conn, shape).await.map_err(|source| Error::Unread {
            table: self.table.name.clone(),
            source,
        })?;
        Ok(self.model.differences(&found, shape))
    }

    async fn found(
        &self,
        conn: &mut Connection,
        shape: Shape,
    ) -> Result<BTreeMap<i64, Payload>, sqlx::Error> {
        let keys: Vec<i64> = self.model.keys().collect();
        let rows = db::query(self.table.read_these(shape))
            .bind(keys.as_slice())
            .fetch_all(conn)
            .await?;
        let mut found = BTreeMap::new();
        for row in rows {
            found.insert(
                row.try_get(0)?,
                Payload {
                    old: row.try_get(1)?,
                    new: row.try_get(2)?,
                    other: row.try_get(3)?,
                },
            );
        }
        Ok(found)
    }

    fn none_of(&self, faults: &[String], of_what: &str) -> Result<(), Error> {
        if faults.is_empty() {
            return Ok(());
        }
        Err(Error::Faults {
            what: format!("{} {of_what}", faults.len()),
            seed: self.seed,
            shown: faults.iter().take(5).cloned().collect(),
        })
    }
}
