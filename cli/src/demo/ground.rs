//! The ground that a demonstration stands on: a schema of its own with one table, whose every row can be computed again from its key.
//!
//! A database that already has a schema of one of the two names is refused, so whatever bears them at the end was made here, with
//! one exception that is looked for: somebody may have begun a job of his own in the ledger that this demonstration made.

use engine::catalog::TableName;
use engine::postgres::error::Error as EngineError;
use engine::postgres::identity;
use shared::service::Shutdown;
use shared::settings::DatabaseRole;
use sqlx::pool::PoolConnection;
use sqlx::{PgPool, Postgres};

use super::Halt;
use crate::error::Error;
use crate::place::Place;
use crate::{out, privileges};

/// The table that is migrated.
pub const TABLE: &str = "sluice_demo.customer";
/// The jobs of a demonstration.
pub const JOBS: [&str; 2] = ["demo-fax-number", "demo-name-length"];

/// Rows made at a time: few enough for Ctrl-C to be heard between two.
const BATCH: u64 = 50_000;
/// How often the removal waits for a lock before it gives up.
const TRIES: u32 = 3;

const TAKEN: &str = "/* sluice:demo.taken */ SELECT nspname::text FROM pg_namespace
    WHERE nspname IN ('sluice', 'sluice_demo') ORDER BY nspname DESC";

const MAKE: &str = "/* sluice:demo.make */ CREATE SCHEMA sluice_demo;
    COMMENT ON SCHEMA sluice_demo IS 'made by `sluice demo`, which removes it at its end';
    CREATE TABLE sluice_demo.customer (
        id bigint PRIMARY KEY, name text, email text, fax text, updated_at timestamptz NOT NULL DEFAULT now())";

/// What every column but the key holds, computed from the key.
const VALUES: [(&str, &str); 4] = [
    ("name", "'Customer ' || id"),
    ("email", "'customer' || id || '@example.com'"),
    ("fax", "'+41 44 ' || lpad((id % 10000000)::text, 7, '0')"),
    (
        "updated_at",
        "timestamptz '2026-01-01 00:00:00+00' + id * interval '1 second'",
    ),
];

/// Everything that a rollback could leave behind on the table, in the words of the catalog.
const SHAPE: &str = "/* sluice:demo.shape */ SELECT coalesce(string_agg(what, E'\\n' ORDER BY what), '') FROM (
    SELECT format('table %s %s %s', c.oid::regclass, c.relkind, c.reloptions) AS what
    FROM pg_class AS c WHERE c.relnamespace = 'sluice_demo'::regnamespace
    UNION ALL
    SELECT format('column %s.%s %s %s %s %s', a.attrelid::regclass, a.attname, format_type(a.atttypid, a.atttypmod),
        a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attacl)
    FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
    LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE c.relnamespace = 'sluice_demo'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT format('constraint %s on %s %s', conname, conrelid::regclass, pg_get_constraintdef(oid))
    FROM pg_constraint WHERE connamespace = 'sluice_demo'::regnamespace
    UNION ALL
    SELECT pg_get_indexdef(i.indexrelid) FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid
    WHERE c.relnamespace = 'sluice_demo'::regnamespace
    UNION ALL
    SELECT pg_get_triggerdef(t.oid) FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
    WHERE c.relnamespace = 'sluice_demo'::regnamespace AND NOT t.tgisinternal
    UNION ALL
    SELECT format('function %s', oid::regprocedure) FROM pg_proc WHERE pronamespace = 'sluice_demo'::regnamespace
) AS found";

/// The schema and its table.
#[derive(Debug)]
pub struct Ground {
    pool: PgPool,
    rows: u64,
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
    /// Makes the schema with an empty table.
    ///
    /// # Errors
    /// One of the names is taken, or the server is none that Sluice works on.
    pub async fn claim(place: &Place, rows: u64) -> Result<Self, Error> {
        let pool = place.pool(DatabaseRole::Owner).await?;
        let ground = Self { pool, rows };
        let mut conn = ground.connection().await?;
        identity::read(&mut conn)
            .await?
            .suitable()
            .map_err(|why| Error::Refused(why.to_string()))?;
        let taken: Vec<String> = engine::sql::scalar(TAKEN)
            .fetch_all(&mut *conn)
            .await
            .map_err(EngineError::query("look for schemas of the demo's names"))?;
        if !taken.is_empty() {
            return Err(Error::Refused(words(&taken)));
        }
        engine::sql::execute_script(&mut conn, MAKE)
            .await
            .map_err(EngineError::query("make schema sluice_demo"))?;
        Ok(ground)
    }

    /// A connection as the table's owner.
    ///
    /// # Errors
    /// There is none to be had.
    pub async fn connection(&self) -> Result<PoolConnection<Postgres>, Error> {
        Ok(self
            .pool
            .acquire()
            .await
            .map_err(EngineError::query("take a connection"))?)
    }

    /// Refuses before any row is made if the roles lack what a job needs.
    pub(super) async fn admits(&self, place: &Place) -> Result<(), Error> {
        let table = TableName {
            schema: "sluice_demo".to_owned(),
            name: "customer".to_owned(),
        };
        privileges::require(place, &[table]).await
    }

    /// Makes the rows.
    pub(super) async fn fill(&self, shutdown: &Shutdown) -> Result<(), Halt> {
        let columns = VALUES.map(|(column, _)| column).join(", ");
        let values = VALUES.map(|(_, value)| value).join(", ");
        let text = format!(
            "/* sluice:demo.fill */ INSERT INTO {TABLE} (id, {columns}) SELECT id, {values} FROM generate_series($1, $2) AS made (id)"
        );
        let mut conn = self.connection().await?;
        let mut done = 0;
        while done < self.rows {
            if shutdown.stopping.is_cancelled() {
                return Err(Halt::Interrupted);
            }
            let last = self.rows.min(done + BATCH);
            engine::sql::query(text.clone())
                .bind(done.cast_signed() + 1)
                .bind(last.cast_signed())
                .execute(&mut *conn)
                .await
                .map_err(EngineError::query("make rows"))
                .map_err(Error::from)?;
            done = last;
        }
        engine::sql::execute_script(&mut conn, format!("ANALYZE {TABLE}"))
            .await
            .map_err(EngineError::query("analyze the rows"))
            .map_err(Error::from)?;
        Ok(())
    }

    /// Compares every row whose key is not in `touched` with what it was made with; `fax` is what that column is called by now.
    pub(super) async fn untouched(&self, touched: &[i64], fax: &str) -> Result<Untouched, Error> {
        let right = VALUES.map(|(column, value)| {
            let column = if column == "fax" { fax } else { column };
            format!("{column} = {value}")
        });
        let text = format!(
            "/* sluice:demo.untouched */ SELECT count(*) FILTER (WHERE id <= $1 AND {}), count(*) FILTER (WHERE id > $1)
             FROM {TABLE} AS c WHERE NOT EXISTS (SELECT FROM unnest($2::bigint[]) AS touched (id) WHERE touched.id = c.id)",
            right.join(" AND ")
        );
        let (right, strangers): (i64, i64) = engine::sql::query_as(text)
            .bind(self.rows.cast_signed())
            .bind(touched)
            .fetch_one(&mut *self.connection().await?)
            .await
            .map_err(EngineError::query("read the untouched rows again"))?;
        let made = 1..=self.rows.cast_signed();
        let touched = touched.iter().filter(|key| made.contains(key)).count();
        Ok(Untouched {
            expected: self.rows - touched as u64,
            right: right.unsigned_abs(),
            strangers: strangers.unsigned_abs(),
        })
    }

    /// The schema as text: equal texts, equal schemas.
    pub(super) async fn shape(&self) -> Result<String, Error> {
        Ok(engine::sql::scalar(SHAPE)
            .fetch_one(&mut *self.connection().await?)
            .await
            .map_err(EngineError::query("read the shape of schema sluice_demo"))?)
    }

    /// Removes both schemas. Connections of the application may still be going away, so locks are waited for.
    ///
    /// # Errors
    /// They could not be removed; says how to do it by hand.
    pub async fn clear(self) -> Result<(), Error> {
        let mut tried = 1;
        while let Err(error) = self.remove().await {
            if tried >= TRIES {
                return Err(Error::Process {
                    doing: "removing the demo's schemas (by hand: DROP SCHEMA IF EXISTS sluice_demo, sluice CASCADE)",
                    source: error.into(),
                });
            }
            tried += 1;
        }
        self.pool.close().await;
        Ok(())
    }

    async fn remove(&self) -> Result<(), Error> {
        let mut conn = self.connection().await?;
        let foreign = foreign_jobs(&mut conn).await?;
        let ledger = if foreign == 0 {
            "DROP SCHEMA IF EXISTS sluice CASCADE"
        } else {
            out::note(&format!(
                "demo: schema sluice stays: {foreign} jobs in it are not the demo's"
            ));
            ""
        };
        // The table goes first, and its triggers with it: nothing then uses the functions in `sluice`.
        let text = format!(
            "/* sluice:demo.clear */ SET lock_timeout = '20s'; SET client_min_messages = warning;
             DROP SCHEMA IF EXISTS sluice_demo CASCADE; {ledger}"
        );
        engine::sql::execute_script(&mut conn, text)
            .await
            .map_err(EngineError::query("drop the demo's schemas"))?;
        Ok(())
    }
}

/// Jobs of somebody else in the ledger that the demonstration made.
async fn foreign_jobs(conn: &mut PoolConnection<Postgres>) -> Result<i64, Error> {
    let there: bool = engine::sql::scalar("SELECT to_regclass('sluice.job') IS NOT NULL")
        .fetch_one(&mut **conn)
        .await
        .map_err(EngineError::query("look for the demo's ledger"))?;
    if !there {
        return Ok(0);
    }
    Ok(
        engine::sql::scalar("SELECT count(*) FROM sluice.job WHERE name <> ALL ($1)")
            .bind(JOBS.map(str::to_owned).to_vec())
            .fetch_one(&mut **conn)
            .await
            .map_err(EngineError::query("look for jobs of others"))?,
    )
}

fn words(taken: &[String]) -> String {
    let mut text = format!(
        "this database has a schema {} already, and the demo touches nothing that it has not made: give it another database \
         (CREATE DATABASE sluice_demo)",
        taken.join(" and a schema ")
    );
    if taken.iter().any(|name| name == "sluice_demo") {
        text.push_str(&format!(
            "; if a demo that was killed left this behind, remove it first: DROP SCHEMA {} CASCADE",
            taken.join(", ")
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_demo_may_have_left_is_offered_for_removal() {
        let ledger = words(&["sluice".to_owned()]);
        assert!(
            ledger.contains("a schema sluice already") && !ledger.contains("DROP"),
            "{ledger}"
        );
        let left = words(&["sluice_demo".to_owned(), "sluice".to_owned()]);
        assert!(left.contains("DROP SCHEMA sluice_demo, sluice CASCADE"), "{left}");
    }
}
