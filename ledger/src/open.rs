//! Finding, creating and recognising the ledger of a target.

use std::sync::Arc;

use engine::catalog::EngineKind;
use engine::db::{self, Connection, Pool, Raw};
use proto::{LedgerId, TargetName};
use shared::clock::Clock;
use uuid::Uuid;

use crate::error::Error;
use crate::migrations;

/// What creating a ledger needs to know: which roles get which grants, and what the target's settings acknowledge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Setup {
    /// The role that runs DDL and owns the trigger functions.
    pub owner: Option<String>,
    /// The role that runs batches.
    pub data: Option<String>,
    /// The role that reads signals.
    pub monitor: Option<String>,
    /// Publications FOR ALL TABLES that may publish our tables too, by name.
    pub acknowledged_publications: Vec<String>,
}

/// A ledger, opened with the ledger role.
#[derive(Clone, Debug)]
pub struct Ledger {
    pub(crate) pool: Pool,
    id: LedgerId,
    target: TargetName,
}

impl Ledger {
    /// Creates the ledger if there is none, upgrades it, grants the other roles what they need, and
    /// checks that it belongs to this very server and database.
    ///
    /// # Errors
    /// [`Error::PublishesEverything`] before anything is created, [`Error::Clone`] for a copy, [`Error::TooNew`] for a
    /// newer ledger, and what the database says.
    pub async fn create_or_open(
        pool: Pool,
        target: TargetName,
        setup: &Setup,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let mut conn = pool.acquire().await.map_err(Error::of("ledger.connect"))?;
        if migrations::applied(&mut conn).await?.is_empty() {
            refuse_published(&mut conn, &setup.acknowledged_publications).await?;
        }
        drop(conn);
        migrations::apply(&pool, clock.as_ref()).await?;
        let mut conn = pool.acquire().await.map_err(Error::of("ledger.connect"))?;
        let here = identity(&mut conn).await?;
        db::query(
            "/* ledger.create */
            INSERT INTO sluice.ledger (singleton, id, target, system_identifier, database_oid, timeline, format, oldest_writer)
            VALUES ($7, $1, $2, $3, $4, $5, $6, 1)
            ON CONFLICT (singleton) DO NOTHING",
        )
        .bind(LedgerId::random().0)
        .bind(target.as_str())
        .bind(&here.system_identifier)
        .bind(here.database_oid)
        .bind(here.timeline)
        .bind(migrations::FORMAT)
        .bind(true)
        .execute(&mut conn)
        .await
        .map_err(Error::of("ledger.create"))?;
        drop(conn);
        let ledger = Self::open(pool, target).await?;
        ledger.grant(setup).await?;
        Ok(ledger)
    }

    /// Opens an existing ledger.
    ///
    /// # Errors
    /// [`Error::Absent`] if there is none, [`Error::Clone`] for a copy, [`Error::TooNew`] for a newer one.
    pub async fn open(pool: Pool, target: TargetName) -> Result<Self, Error> {
        let mut conn = pool.acquire().await.map_err(Error::of("ledger.connect"))?;
        let versions = migrations::applied(&mut conn).await?;
        match versions.iter().max() {
            None => return Err(Error::Absent),
            Some(newest) if *newest > migrations::FORMAT => {
                return Err(Error::TooNew {
                    found: *newest,
                    known: migrations::FORMAT,
                });
            }
            Some(_) => {}
        }
        let row =
            db::query("/* ledger.open */ SELECT id, system_identifier, database_oid FROM sluice.ledger")
                .fetch_optional(&mut conn)
                .await
                .map_err(Error::of("ledger.open"))?
                .ok_or(Error::Absent)?;
        let here = identity(&mut conn).await?;
        let system: String = row
            .try_get("system_identifier")
            .map_err(Error::of("ledger.open"))?;
        let database: i64 = row.try_get("database_oid").map_err(Error::of("ledger.open"))?;
        if system != here.system_identifier {
            return Err(match pool.engine() {
                EngineKind::Postgresql => Error::Clone {
                    why: format!("system identifier {system}, here {}", here.system_identifier),
                },
                EngineKind::Sqlite => Error::Moved {
                    was: system,
                    is: here.system_identifier,
                },
            });
        }
        if database != here.database_oid {
            return Err(Error::Clone {
                why: format!("database oid {database}, here {}", here.database_oid),
            });
        }
        let id: Uuid = row.try_get("id").map_err(Error::of("ledger.open"))?;
        drop(conn);
        Ok(Self {
            pool,
            id: LedgerId(id),
            target,
        })
    }

    /// Which ledger this is.
    #[must_use]
    pub fn id(&self) -> LedgerId {
        self.id
    }

    /// The target it belongs to, by the name in this process's configuration.
    #[must_use]
    pub fn target(&self) -> &TargetName {
        &self.target
    }

    /// The pool of the ledger role.
    #[must_use]
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    async fn grant(&self, roles: &Setup) -> Result<(), Error> {
        // A file knows no roles.
        if self.pool.engine() == EngineKind::Sqlite {
            return Ok(());
        }
        let mut statements = Vec::new();
        for (role, grants) in [
            (&roles.owner, OWNER_GRANTS),
            (&roles.data, DATA_GRANTS),
            (&roles.monitor, MONITOR_GRANTS),
        ] {
            let Some(role) = role else { continue };
            let role = engine::postgres::ident::quote(role).map_err(|e| Error::Identity(e.to_string()))?;
            statements.extend(grants.iter().map(|g| format!("{g} TO {role}")));
        }
        if statements.is_empty() {
            return Ok(());
        }
        let mut conn = self.pool.acquire().await.map_err(Error::of("ledger.connect"))?;
        conn.execute_script(format!("/* ledger.grant */ {}", statements.join("; ")))
            .await
            .map(|_| ())
            .map_err(Error::of("ledger.grant"))
    }
}

/// The owner makes trigger functions in our schema, which write to the quarantine, marks steps, and says which side
/// is the authority.
const OWNER_GRANTS: &[&str] = &[
    "GRANT USAGE, CREATE ON SCHEMA sluice",
    "GRANT INSERT ON sluice.quarantine",
    "GRANT SELECT, INSERT ON sluice.step_marker",
    "GRANT SELECT (id), UPDATE (authority) ON sluice.job",
];

/// The data role advances cursors under their fence and reads whether it may go on.
const DATA_GRANTS: &[&str] = &[
    "GRANT USAGE ON SCHEMA sluice",
    "GRANT SELECT, UPDATE ON sluice.chunk_cursor",
    "GRANT SELECT ON sluice.throttle, sluice.share, sluice.job, sluice.task",
];

/// The monitor role reads only.
const MONITOR_GRANTS: &[&str] = &["GRANT USAGE ON SCHEMA sluice"];

/// The first ledger row would stop every subscriber of a publication FOR ALL TABLES ("relation does not exist"),
/// and its slot would then fill the primary's disk (PITFALLS 26).
async fn refuse_published(conn: &mut Connection, acknowledged: &[String]) -> Result<(), Error> {
    if conn.engine() == EngineKind::Sqlite {
        return Ok(());
    }
    let publications: Vec<String> = db::scalar(
        "/* ledger.published */
        SELECT pubname::text FROM pg_publication WHERE puballtables AND NOT pubname = ANY ($1) ORDER BY pubname",
    )
    .bind(acknowledged)
    .fetch_all(conn)
    .await
    .map_err(Error::of("ledger.published"))?;
    if publications.is_empty() {
        Ok(())
    } else {
        Err(Error::PublishesEverything { publications })
    }
}

struct Here {
    system_identifier: String,
    database_oid: i64,
    timeline: i32,
}

/// Where we are. On a server the control functions are executable by everybody; nothing else is needed. A file is where it lies: a
/// copy of it lies elsewhere.
async fn identity(conn: &mut Connection) -> Result<Here, Error> {
    if let Raw::Sqlite(conn) = conn.raw() {
        let place = engine::sqlite::session::place(conn)
            .await
            .map_err(Error::of("ledger.identity"))?;
        return Ok(Here {
            system_identifier: place,
            database_oid: 0,
            timeline: 0,
        });
    }
    let row = db::query(
        "/* ledger.identity */
        SELECT (SELECT system_identifier::text FROM pg_control_system()) AS system_identifier,
            (SELECT oid::bigint FROM pg_database WHERE datname = current_database()) AS database_oid,
            (SELECT timeline_id FROM pg_control_checkpoint()) AS timeline",
    )
    .fetch_one(conn)
    .await
    .map_err(Error::of("ledger.identity"))?;
    Ok(Here {
        system_identifier: row
            .try_get("system_identifier")
            .map_err(Error::of("ledger.identity"))?,
        database_oid: row
            .try_get("database_oid")
            .map_err(Error::of("ledger.identity"))?,
        timeline: row.try_get("timeline").map_err(Error::of("ledger.identity"))?,
    })
}
