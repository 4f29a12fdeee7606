//! The ledger's own migrations: embedded, append-only, additive, each in one transaction.
//!
//! Each engine has its own texts, of the same tables under the same version. On PostgreSQL the lock that keeps two migrators apart is a try-lock that is polled: a session that *waits* in
//! `pg_advisory_lock` holds a snapshot, and a CREATE INDEX CONCURRENTLY elsewhere then ends in
//! "deadlock detected" (PITFALLS 20). On SQLite it is the file's one write lock.
//!
//! Workers go on meanwhile. An ALTER TABLE needs its table alone for a moment, and while it waits for a transaction that has used it,
//! whoever comes after it waits too: so it waits for a fraction of a second only, lets everybody pass, and tries again.
//!
//! Processes of an older format go on beside a newer ledger: what they know is all still there. A migration after which that
//! would be wrong raises `oldest_writer` in the ledger's row ([`OLDEST_WRITER`]), and they stop.

use std::time::Duration;

use engine::catalog::EngineKind;
use engine::db::{self, Connection, Pool};
use engine::error::Class;
use sha2::{Digest, Sha256};
use shared::clock::Clock;

use crate::error::Error;
use crate::standing;

/// Format of the ledger after the last migration below.
pub const FORMAT: i32 = 3;

/// The oldest format whose builds may write a ledger of [`FORMAT`].
pub const OLDEST_WRITER: i32 = 1;

/// How long another migrator is waited for, and how long a migration is tried.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long an upgrade may keep others waiting.
const LOCK_TIMEOUT: &str = "/* ledger.migrate_wait */ SET LOCAL lock_timeout = '200ms'";
/// Between two tries: longer than that, so that those who waited get through.
const PAUSE: Duration = Duration::from_millis(500);

/// Advisory lock key of the migrator (two 32-bit halves of "sluice").
const LOCK: i64 = 0x736c_7569_6365;

struct Migration {
    version: i32,
    name: &'static str,
    postgresql: &'static str,
    sqlite: &'static str,
}

const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "foundation",
        postgresql: include_str!("../migrations/postgresql/0001_foundation.sql"),
        sqlite: include_str!("../migrations/sqlite/0001_foundation.sql"),
    },
    Migration {
        version: 2,
        name: "budget",
        postgresql: include_str!("../migrations/postgresql/0002_budget.sql"),
        sqlite: include_str!("../migrations/sqlite/0002_budget.sql"),
    },
    Migration {
        version: 3,
        name: "throttle",
        postgresql: include_str!("../migrations/postgresql/0003_throttle.sql"),
        sqlite: include_str!("../migrations/sqlite/0003_throttle.sql"),
    },
];

impl Migration {
    fn sql(&self, engine: EngineKind) -> &'static str {
        match engine {
            EngineKind::Postgresql => self.postgresql,
            EngineKind::Sqlite => self.sqlite,
        }
    }
}

/// Brings the ledger to [`FORMAT`]; a newer one is left as it is.
///
/// # Errors
/// [`Error::TooNew`] if only newer builds may write it, [`Error::MigrationBusy`] if another migrator does not end,
/// [`Error::MigrationBlocked`] if its tables never come free.
pub async fn apply(pool: &Pool, clock: &dyn Clock) -> Result<(), Error> {
    if pool.engine() == EngineKind::Sqlite {
        return apply_locked(pool).await;
    }
    let mut conn = pool.acquire().await.map_err(Error::of("ledger.connect"))?;
    lock(&mut conn, clock).await?;
    let outcome = apply_patiently(pool, clock).await;
    db::query("/* ledger.migrate_unlock */ SELECT pg_advisory_unlock($1)")
        .bind(LOCK)
        .execute(&mut conn)
        .await
        .map_err(Error::of("ledger.migrate_unlock"))?;
    outcome
}

/// Tries again while the tables are in use. What was committed stays: the next try begins behind it.
async fn apply_patiently(pool: &Pool, clock: &dyn Clock) -> Result<(), Error> {
    let begun = clock.monotonic();
    loop {
        match apply_locked(pool).await {
            Err(Error::Statement { source, .. }) if is_in_use(&source) => {
                tracing::info!("the ledger's tables are in use; its upgrade waits");
            }
            outcome => return outcome,
        }
        if clock.monotonic().saturating_sub(begun) > PATIENCE {
            return Err(Error::MigrationBlocked(PATIENCE.as_secs()));
        }
        clock.sleep(PAUSE).await;
    }
}

fn is_in_use(error: &sqlx::Error) -> bool {
    matches!(
        engine::error::classify(error),
        Class::LockTimeout | Class::Deadlock
    )
}

async fn lock(conn: &mut Connection, clock: &dyn Clock) -> Result<(), Error> {
    let begun = clock.monotonic();
    loop {
        let got: bool = db::scalar("/* ledger.migrate */ SELECT pg_try_advisory_lock($1)")
            .bind(LOCK)
            .fetch_one(&mut *conn)
            .await
            .map_err(Error::of("ledger.migrate"))?;
        if got {
            return Ok(());
        }
        if clock.monotonic().saturating_sub(begun) > PATIENCE {
            return Err(Error::MigrationBusy(PATIENCE.as_secs()));
        }
        clock.sleep(Duration::from_millis(100)).await;
    }
}

/// What is known is asked inside each transaction: on SQLite that is where the lock is.
async fn apply_locked(pool: &Pool) -> Result<(), Error> {
    for migration in MIGRATIONS {
        let mut tx = pool.begin().await.map_err(Error::of("ledger.migrate"))?;
        if tx.engine() == EngineKind::Postgresql {
            tx.execute_script(LOCK_TIMEOUT)
                .await
                .map_err(Error::of("ledger.migrate_wait"))?;
        }
        let known = applied(&mut tx).await?;
        if !known.is_empty()
            && let Some(entry) = standing::entry(&mut tx).await?
        {
            standing::writable(entry.oldest_writer)?;
        }
        if known.contains(&migration.version) {
            continue;
        }
        let sql = migration.sql(pool.engine());
        tx.execute_script(sql)
            .await
            .map_err(Error::of("ledger.migrate"))?;
        db::query("/* ledger.migrate_record */ INSERT INTO sluice.migration (version, name, checksum) VALUES ($1, $2, $3)")
            .bind(migration.version)
            .bind(migration.name)
            .bind(checksum(sql))
            .execute(&mut tx)
            .await
            .map_err(Error::of("ledger.migrate_record"))?;
        tx.commit().await.map_err(Error::of("ledger.migrate"))?;
    }
    Ok(())
}

/// Versions that were applied; none if there is no ledger.
pub(crate) async fn applied(conn: &mut Connection) -> Result<Vec<i32>, Error> {
    let question = match conn.engine() {
        EngineKind::Postgresql => "/* ledger.exists */ SELECT to_regclass('sluice.migration') IS NOT NULL",
        EngineKind::Sqlite => {
            "/* ledger.exists */ SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'sluice_migration')"
        }
    };
    let exists: bool = db::scalar(question)
        .fetch_one(&mut *conn)
        .await
        .map_err(Error::of("ledger.exists"))?;
    if !exists {
        return Ok(Vec::new());
    }
    db::scalar("/* ledger.versions */ SELECT version FROM sluice.migration ORDER BY version")
        .fetch_all(&mut *conn)
        .await
        .map_err(Error::of("ledger.versions"))
}

/// The ledger's tables in a file, by name.
pub(crate) fn tables_of_a_file() -> Vec<&'static str> {
    const MADE: &str = "CREATE TABLE IF NOT EXISTS ";
    let lines = MIGRATIONS.iter().flat_map(|migration| migration.sqlite.lines());
    lines
        .filter_map(|line| line.strip_prefix(MADE)?.split([' ', '(']).next())
        .collect()
}

fn checksum(sql: &str) -> String {
    Sha256::digest(sql.as_bytes())
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_are_numbered_without_gaps_and_end_at_the_format() {
        let versions: Vec<i32> = MIGRATIONS.iter().map(|m| m.version).collect();
        assert_eq!(versions, (1..=FORMAT).collect::<Vec<_>>());
    }

    #[test]
    fn migrations_only_add() {
        for migration in MIGRATIONS {
            let sql = [migration.postgresql, migration.sqlite].concat().to_uppercase();
            for word in ["DROP ", "RENAME ", "TRUNCATE ", "DELETE ", "ALTER COLUMN"] {
                assert!(
                    !sql.contains(word),
                    "migration {} contains {word}",
                    migration.version
                );
            }
        }
    }

    #[test]
    fn the_tables_of_a_file_are_known_by_name() {
        let tables = tables_of_a_file();
        for table in ["sluice_ledger", "sluice_job", "sluice_migration", "sluice_share"] {
            assert!(tables.contains(&table), "{table}: {tables:?}");
        }
        assert!(
            tables.iter().all(|table| table.starts_with("sluice_")),
            "{tables:?}"
        );
    }

    #[test]
    fn a_released_migration_never_changes() {
        // Written down when 0001 was first released; a new migration gets a new number instead.
        assert_eq!(MIGRATIONS[0].name, "foundation");
    }
}
