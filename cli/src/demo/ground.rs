//! The ground that a demonstration stands on: one table, whose every row can be computed again from its key.
//!
//! On SQLite it is a file of its own (`file`), on PostgreSQL a schema of its own (`server`). A database that already has a schema of
//! one of the names is refused, so whatever bears them at the end was made here, with one exception that is looked for: somebody may
//! have begun a job of his own in the ledger that this demonstration made.

mod file;
mod server;

use std::path::PathBuf;

use engine::catalog::{EngineKind, TableName};
use engine::db::{self, Connection, Pool};
use engine::postgres::error::Error as EngineError;
use secrecy::ExposeSecret;
use shared::service::Shutdown;
use shared::settings::DatabaseRole;

use super::Halt;
use crate::error::Error;
use crate::place::Place;
use crate::{out, privileges};

pub use file::of_its_own;

/// The jobs of a demonstration.
pub const JOBS: [&str; 2] = ["demo-fax-number", "demo-name-length"];

/// Rows made at a time: few enough for Ctrl-C to be heard between two.
const BATCH: u64 = 50_000;
/// How often the removal waits for a lock before it gives up.
const TRIES: u32 = 3;

/// How an engine says it.
struct Texts {
    /// The table that is migrated, as SQL.
    table: &'static str,
    /// The schema it is in.
    schema: &'static str,
    /// What every column but the key holds, computed from the key.
    values: [(&'static str, &'static str); 4],
    /// The rows from key `$1` to key `$2`.
    fill: &'static str,
    /// Everything that a rollback could leave behind on the table, in the words of the catalog.
    shape: &'static str,
    /// What is said when it is removed.
    removed: &'static str,
    /// How to remove it by hand.
    by_hand: &'static str,
}

/// The place and its table.
#[derive(Debug)]
pub struct Ground {
    pool: Pool,
    rows: u64,
    /// The file, if it is one.
    path: Option<PathBuf>,
}

/// The rows that the application never touched, read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Untouched {
    /// As many there must be.
    pub expected: u64,
    /// As many are there and hold what they were made with.
    pub right: u64,
    /// Rows that nobody made.
    pub strangers: u64,
}

impl Ground {
    /// Makes the empty table.
    ///
    /// # Errors
    /// One of the names is taken, or the server is none that Sluice works on.
    pub async fn claim(place: &Place, rows: u64) -> Result<Self, Error> {
        let url = place.target.url_for(DatabaseRole::Owner).expose_secret();
        let Ok(path) = engine::sqlite::session::path_of(url) else {
            return Self::made(place, rows, None).await;
        };
        let made = match file::make_file(&path).await {
            Ok(()) => Self::made(place, rows, Some(path.clone())).await,
            Err(error) => Err(error),
        };
        if made.is_err() {
            // Of what was made until then nothing is left; why it failed is the more important of two errors.
            let _left = file::remove(&path);
        }
        made
    }

    async fn made(place: &Place, rows: u64, path: Option<PathBuf>) -> Result<Self, Error> {
        let pool = place.pool(DatabaseRole::Owner).await?;
        let ground = Self { pool, rows, path };
        let mut conn = ground.connection().await?;
        match conn.engine() {
            EngineKind::Postgresql => server::make(&mut conn).await?,
            EngineKind::Sqlite => file::make(&mut conn).await?,
        }
        Ok(ground)
    }

    fn texts(&self) -> &'static Texts {
        match self.pool.engine() {
            EngineKind::Postgresql => &server::TEXTS,
            EngineKind::Sqlite => &file::TEXTS,
        }
    }

    /// The table that is migrated, as SQL.
    #[must_use]
    pub fn table(&self) -> &'static str {
        self.texts().table
    }

    /// What is said when it is removed.
    #[must_use]
    pub fn removed(&self) -> &'static str {
        self.texts().removed
    }

    /// A connection as the table's owner.
    ///
    /// # Errors
    /// There is none to be had.
    pub async fn connection(&self) -> Result<Connection, Error> {
        Ok(self
            .pool
            .acquire()
            .await
            .map_err(EngineError::query("take a connection"))?)
    }

    /// Refuses before any row is made if the roles lack what a job needs.
    pub(super) async fn admits(&self, place: &Place) -> Result<(), Error> {
        let table = TableName {
            schema: self.texts().schema.to_owned(),
            name: "customer".to_owned(),
        };
        privileges::require(place, &[table]).await
    }

    /// Makes the rows.
    pub(super) async fn fill(&self, shutdown: &Shutdown) -> Result<(), Halt> {
        let Texts {
            table, values, fill, ..
        } = self.texts();
        let columns = values.map(|(column, _)| column).join(", ");
        let rows = fill.replace("{values}", &values.map(|(_, value)| value).join(", "));
        let text = format!("/* sluice:demo.fill */ INSERT INTO {table} (id, {columns}) {rows}");
        let mut conn = self.connection().await?;
        let mut done = 0;
        while done < self.rows {
            if shutdown.stopping.is_cancelled() {
                return Err(Halt::Interrupted);
            }
            let last = self.rows.min(done + BATCH);
            db::query(text.clone())
                .bind(done.cast_signed() + 1)
                .bind(last.cast_signed())
                .execute(&mut conn)
                .await
                .map_err(EngineError::query("make rows"))
                .map_err(Error::from)?;
            done = last;
        }
        conn.execute_script(format!("ANALYZE {table}"))
            .await
            .map_err(EngineError::query("analyze the rows"))
            .map_err(Error::from)?;
        Ok(())
    }

    /// Compares every row whose key is not in `touched` with what it was made with; `fax` is what that column is called by now.
    pub(super) async fn untouched(&self, touched: &[i64], fax: &str) -> Result<Untouched, Error> {
        let Texts { table, values, .. } = self.texts();
        let right = values.map(|(column, value)| {
            let column = if column == "fax" { fax } else { column };
            format!("{column} = {value}")
        });
        let text = format!(
            "/* sluice:demo.untouched */ SELECT count(*) FILTER (WHERE id <= $1 AND {}), count(*) FILTER (WHERE id > $1)
             FROM {table} AS c WHERE NOT (c.id = ANY ($2))",
            right.join(" AND ")
        );
        let row = db::query(text)
            .bind(self.rows.cast_signed())
            .bind(touched)
            .fetch_one(&mut self.connection().await?)
            .await
            .map_err(EngineError::query("read the untouched rows again"))?;
        let count = |at: usize| -> Result<u64, Error> {
            let count: i64 = row
                .try_get(at)
                .map_err(EngineError::query("read the untouched rows again"))?;
            Ok(count.unsigned_abs())
        };
        let made = 1..=self.rows.cast_signed();
        let touched = touched.iter().filter(|key| made.contains(key)).count();
        Ok(Untouched {
            expected: self.rows - touched as u64,
            right: count(0)?,
            strangers: count(1)?,
        })
    }

    /// The schema as text: equal texts, equal schemas.
    pub(super) async fn shape(&self) -> Result<String, Error> {
        Ok(db::scalar(self.texts().shape)
            .fetch_one(&mut self.connection().await?)
            .await
            .map_err(EngineError::query("read the shape of the demo's schema"))?)
    }

    /// Removes everything. Connections of the application may still be going away, so locks are waited for.
    ///
    /// # Errors
    /// It could not be removed; says how to do it by hand.
    pub async fn clear(self) -> Result<(), Error> {
        if let Some(path) = self.path {
            self.pool.close().await;
            return file::remove(&path);
        }
        let mut tried = 1;
        while let Err(error) = self.remove().await {
            if tried >= TRIES {
                let by_hand = self.texts().by_hand;
                out::note(&format!("demo: to remove what is left, by hand: {by_hand}"));
                return Err(Error::Process {
                    doing: "removing what the demo made",
                    source: error.into(),
                });
            }
            tried += 1;
        }
        self.pool.close().await;
        Ok(())
    }

    async fn remove(&self) -> Result<(), Error> {
        server::remove(&mut self.connection().await?).await
    }
}
